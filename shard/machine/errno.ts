/**
 * Why the kernel refuses a call: the names of its errors, and what to do about them.
 *
 * @module
 */

/** An argument that is not valid; also what a kernel says to advice that it does not know. */
export const EINVAL = 22;

/** Errors that the calls of libc.ts give; the numbers are the same on all of Linux. */
const NAMES: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  3: "ESRCH",
  5: "EIO",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  14: "EFAULT",
  22: "EINVAL",
  25: "ENOTTY",
  38: "ENOSYS",
  133: "EHWPOISON",
};

/** What a call was to do, and what to do if it cannot. */
interface Purpose {
  readonly action: string;
  readonly call: string;
  readonly remedies: Readonly<Record<string, string>>;
  /** For every other error. */
  readonly otherwise: string;
}

const RAISE_LOCK_LIMIT = "raise the limit of locked memory (ulimit -l), or grant CAP_IPC_LOCK";

/** What was asked for, and which call does it. */
export const PURPOSES = {
  pin: {
    action: "pin the thread to cpu",
    call: "sched_setaffinity",
    remedies: { EINVAL: "the machine has no such cpu, or this process may not run on it" },
    otherwise: "allow the call, or leave `pin` out",
  },
  bind: {
    action: "take memory from node",
    call: "mbind",
    remedies: {
      EPERM: "allow the call, in Docker by --cap-add=SYS_NICE, or leave `numa` out",
      ENOSYS: "the kernel knows no nodes: leave `numa` out",
      EINVAL: "the machine has no such node, or this process may not use its memory",
    },
    otherwise: "allow the call, or leave `numa` out",
  },
  huge: {
    action: "use huge pages",
    call: "madvise(MADV_HUGEPAGE)",
    remedies: { EINVAL: "the kernel has none that are transparent: leave `hugePages` out" },
    otherwise: "leave `hugePages` out",
  },
  lock: {
    action: "lock the memory",
    call: "mlock2",
    remedies: {
      EPERM: RAISE_LOCK_LIMIT,
      ENOMEM: RAISE_LOCK_LIMIT,
      EAGAIN: RAISE_LOCK_LIMIT,
    },
    otherwise: "leave `lock` out",
  },
  trim: {
    action: "give memory back",
    call: "madvise(MADV_DONTNEED)",
    remedies: { EINVAL: "locked memory stays: leave `lock` out" },
    otherwise: "allow the call, or leave `trimAfterMs` out",
  },
  prefault: {
    action: "touch all memory",
    call: "madvise(MADV_POPULATE_WRITE)",
    remedies: { ENOMEM: "the machine is short of memory: start with less `memory`" },
    otherwise: "start with less `memory`, or leave `prefault` out",
  },
} as const satisfies Record<string, Purpose>;

/**
 * What to tell of a call that has failed: the error by name, and the remedy.
 *
 * @param target What the action was for, if its words do not say: a cpu, a node.
 */
export function refusal(purpose: keyof typeof PURPOSES, errno: number, target = ""): string {
  const { action, call, remedies, otherwise }: Purpose = PURPOSES[purpose];
  const name = NAMES[errno] ?? `error ${errno}`;
  const what = target === "" ? action : `${action} ${target}`;
  return `Cannot ${what}: ${call} failed with ${name}: ${remedies[name] ?? otherwise}`;
}
