import { assertEquals } from "@std/assert";
import { MADV_HUGEPAGE, MADV_POPULATE_WRITE, openLibc } from "../../../shard/machine/mod.ts";
import { placeMemory, takePlace } from "../../../shard/placement/mod.ts";
import { ADDRESS, RecordedLibc, THREAD } from "../../harness/recorded_libc.ts";

const MIB = 2 ** 20;
const ENOMEM = 12;
const EINVAL = 22;
const MADV_NOHUGEPAGE = 15;
const MACHINE = { cpus: [0, 1], nodes: [0, 1] };
const NOTHING = { parts: [], hugePages: false, lock: false };

Deno.test("placeMemory() binds each part to its node, then has huge pages, then locks", () => {
  const libc = new RecordedLibc(MACHINE);
  const parts = [
    { node: 1, byteOffset: 0, byteLength: 2 * MIB },
    { node: 0, byteOffset: 2 * MIB, byteLength: MIB },
  ];
  const problems = placeMemory(libc, ADDRESS, 3 * MIB, { parts, hugePages: true, lock: true });
  assertEquals(problems, []);
  assertEquals(libc.calls, [
    ["preferNode", ADDRESS, 2 * MIB, 1],
    ["preferNode", ADDRESS + 2 * MIB, MIB, 0],
    ["madvise", ADDRESS, 3 * MIB, MADV_HUGEPAGE],
    ["lockOnFault", ADDRESS, 3 * MIB],
  ]);
});

Deno.test("placeMemory() asks nothing of the kernel unless told to", () => {
  const libc = new RecordedLibc(MACHINE);
  assertEquals(placeMemory(libc, ADDRESS, MIB, NOTHING), []);
  assertEquals(libc.calls, []);
});

Deno.test("placeMemory() leaves out pages that it shares, where pages are of 64 KiB", () => {
  const libc = new RecordedLibc({ ...MACHINE, pageBytes: 65536 });
  placeMemory(libc, ADDRESS + 4096, MIB, { ...NOTHING, lock: true });
  assertEquals(libc.calls, [["lockOnFault", ADDRESS + 65536, MIB - 65536]]);
});

Deno.test("placeMemory() says what the kernel refuses, why, and what to do; and goes on", () => {
  const refuses = { preferNode: 1, madvise: EINVAL, lockOnFault: ENOMEM };
  const libc = new RecordedLibc({ ...MACHINE, refuses });
  const parts = [{ node: 1, byteOffset: 0, byteLength: MIB }];
  assertEquals(placeMemory(libc, ADDRESS, MIB, { parts, hugePages: true, lock: true }), [
    "Cannot take memory from node 1: mbind failed with EPERM: allow the call, in Docker by --cap-add=SYS_NICE, or leave `numa` out",
    "Cannot use huge pages: madvise(MADV_HUGEPAGE) failed with EINVAL: the kernel has none that are transparent: leave `hugePages` out",
    "Cannot lock the memory: mlock2 failed with ENOMEM: raise the limit of locked memory (ulimit -l), or grant CAP_IPC_LOCK",
  ]);
  const odd = new RecordedLibc({ ...MACHINE, refuses: { lockOnFault: 99 } });
  assertEquals(placeMemory(odd, ADDRESS, MIB, { ...NOTHING, lock: true }), [
    "Cannot lock the memory: mlock2 failed with error 99: leave `lock` out",
  ]);
});

Deno.test("takePlace() pins the thread before it touches memory, a huge page at a time", async () => {
  const libc = new RecordedLibc(MACHINE);
  const buffer = new SharedArrayBuffer(8 * MIB);
  const place = await takePlace({ cpus: [1], prefault: [4096, 4 * MIB] }, buffer, { libc });
  assertEquals(place, { threadId: THREAD, problems: [] });
  // ADDRESS is 1 MiB behind a boundary of huge pages.
  assertEquals(libc.calls, [
    ["pin", 1],
    ["madvise", ADDRESS + 4096, MIB - 4096, MADV_POPULATE_WRITE],
    ["madvise", ADDRESS + MIB, 2 * MIB, MADV_POPULATE_WRITE],
    ["madvise", ADDRESS + 3 * MIB, MIB, MADV_POPULATE_WRITE],
  ]);
});

Deno.test("takePlace() lets the event loop turn while it touches memory", async () => {
  const libc = new RecordedLibc(MACHINE);
  let turns = 0;
  const timer = setInterval(() => turns++, 0);
  const buffer = new SharedArrayBuffer(4096);
  await takePlace({ cpus: [], prefault: [0, 2 ** 33] }, buffer, { libc });
  clearInterval(timer);
  assertEquals(libc.calls.length, 2 ** 33 / (2 * MIB) + 1);
  assertEquals(turns > 0, true);
});

Deno.test("takePlace() touches memory by hand for a kernel that cannot, and changes nothing", async () => {
  const opened = openLibc();
  const libc = new RecordedLibc({ ...MACHINE, refuses: { madvise: EINVAL } });
  const buffer = new SharedArrayBuffer(4 * MIB, { maxByteLength: 4 * MIB });
  const bytes = new Uint8Array(buffer, 0, 4 * MIB);
  bytes[2 * MIB] = 42;
  const place = await takePlace({ cpus: [], prefault: [MIB, 3 * MIB] }, buffer, { libc });
  assertEquals(place.problems, []);
  assertEquals(bytes[2 * MIB], 42);
  assertEquals(bytes.filter((byte) => byte !== 0).length, 1);
  if (opened.libc === undefined) return; // nobody says which pages are there
  const fresh = new SharedArrayBuffer(4 * MIB, { maxByteLength: 4 * MIB });
  const address = opened.libc.addressOf(fresh);
  opened.libc.madvise(address, 4 * MIB, MADV_NOHUGEPAGE); // or a touch is more than a page
  await takePlace({ cpus: [], prefault: [MIB, 3 * MIB] }, fresh, { libc });
  assertEquals(opened.libc.presentPages(address, 4 * MIB).value, [
    { begin: address + MIB, end: address + 3 * MIB, isHuge: false },
  ]);
});

Deno.test("takePlace() gives up touching when memory is short, and says what is refused", async () => {
  const libc = new RecordedLibc({ ...MACHINE, refuses: { madvise: ENOMEM, pin: EINVAL } });
  const buffer = new SharedArrayBuffer(4096);
  const plan = { cpus: [4, 5, 7], prefault: [0, 64 * MIB] } as const;
  const { threadId, problems } = await takePlace(plan, buffer, { libc });
  assertEquals(threadId, THREAD);
  assertEquals(problems, [
    "Cannot pin the thread to cpu 4-5,7: sched_setaffinity failed with EINVAL: the machine has no such cpu, or this process may not run on it",
    "Cannot touch all memory: madvise(MADV_POPULATE_WRITE) failed with ENOMEM: the machine is short of memory: start with less `memory`",
  ]);
  assertEquals(libc.calls.length, 2);
});

Deno.test("takePlace() without a C library says why there is none", async () => {
  const plan = { cpus: [0], prefault: [0, 4096] } as const;
  assertEquals(await takePlace(plan, new SharedArrayBuffer(4096), { whyNot: "no reason" }), {
    threadId: undefined,
    problems: ["no reason"],
  });
});
