/**
 * Opens the C library, if the system has one that is known here and the program may call it.
 *
 * `--allow-ffi=/lib/x86_64-linux-gnu/libc.so.6` is enough: under a permission for one file Deno refuses its
 * pointers (`Deno.UnsafePointer`, `Deno.UnsafePointerView`), so addresses come from `memmove()` of no bytes,
 * which returns where it would have moved them to, and `errno` is copied by it.
 *
 * @module
 */

import type { Answer, Libc, PresentPages } from "./libc.ts";

/** A C library, or the reason why there is none. */
export type OpenedLibc =
  | { readonly libc: Libc; readonly whyNot?: undefined }
  | { readonly libc?: undefined; readonly whyNot: string };

/** What is asked of Deno: a test says something else. */
export interface LibcSystem {
  readonly os: string;
  readonly arch: string;
  mayOpen(path: string): boolean;
  open(path: string): Symbols;
}

type Symbols = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** Numbers of the calls that glibc has no function for. */
const SYSTEM_CALLS: Readonly<Record<string, Readonly<Record<string, bigint>>>> = {
  "x86_64": { mbind: 237n, getMempolicy: 239n, movePages: 279n, mlock2: 325n, gettid: 186n },
  aarch64: { mbind: 235n, getMempolicy: 236n, movePages: 239n, mlock2: 284n, gettid: 178n },
};

/** glibc's `syscall()` and `ioctl()` take any number of arguments, which on Linux travel like declared ones. */
const SYMBOLS = {
  addressOf: { name: "memmove", parameters: ["buffer", "usize", "usize"], result: "usize" },
  copyFrom: { name: "memmove", parameters: ["buffer", "usize", "usize"], result: "usize" },
  errnoLocation: { name: "__errno_location", parameters: [], result: "usize" },
  getpagesize: { parameters: [], result: "i32" },
  madvise: { parameters: ["usize", "usize", "i32"], result: "i32" },
  mincore: { parameters: ["usize", "usize", "buffer"], result: "i32" },
  sched_setaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  sched_getaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  gettid: { name: "syscall", parameters: ["i64"], result: "i64" },
  mlock2: { name: "syscall", parameters: ["i64", "usize", "usize", "i64"], result: "i64" },
  mbind: {
    name: "syscall",
    parameters: ["i64", "usize", "usize", "i64", "buffer", "u64", "u64"],
    result: "i64",
  },
  getMempolicy: {
    name: "syscall",
    parameters: ["i64", "buffer", "buffer", "u64", "usize", "u64"],
    result: "i64",
  },
  movePages: {
    name: "syscall",
    parameters: ["i64", "i64", "u64", "buffer", "usize", "buffer", "i64"],
    result: "i64",
  },
} as const satisfies Deno.ForeignLibraryInterface;

/** The kernel refuses a mask of cpus that is shorter than its own: this holds 8,192 of them. */
const CPU_MASK_BYTES = 1024;
/** Bits of a mask of nodes: what the largest kernels are built for, and one that `mbind` takes off. */
const NODE_BITS = 1024;
const MPOL_PREFERRED = 1;
const MPOL_MF_MOVE = 2n;
const MPOL_F_ADDR = 2n;
const MPOL_F_MEMS_ALLOWED = 4n;
const MLOCK_ONFAULT = 1n;
const O_RDONLY_CLOEXEC = 0o2000000;
/** `_IOWR('f', 16, struct pm_scan_arg)`. */
const PAGEMAP_SCAN = 0xc0606610n;
const PAGE_IS_PRESENT = 1n << 3n;
const PAGE_IS_HUGE = 1n << 6n;
/** Regions that one `PAGEMAP_SCAN` has room for. */
const SCAN_REGIONS = 512;
/** Bytes of pages that one `mincore` looks at. */
const MINCORE_BYTES = 2 ** 30;

const DENO: LibcSystem = {
  os: Deno.build.os,
  arch: Deno.build.arch,
  mayOpen: (path) => Deno.permissions.querySync({ name: "ffi", path }).state === "granted",
  open: (path) => Deno.dlopen(path, SYMBOLS).symbols,
};

/** Where C libraries lie: glibc's of Debian and its kin, of others, and musl's. */
function pathsFor(arch: string): string[] {
  return [
    `/lib/${arch}-linux-gnu/libc.so.6`,
    `/usr/lib/${arch}-linux-gnu/libc.so.6`,
    "/lib64/libc.so.6",
    "/usr/lib64/libc.so.6",
    "/usr/lib/libc.so.6",
    `/lib/ld-musl-${arch}.so.1`,
    `/lib/libc.musl-${arch}.so.1`,
    // Wherever the loader finds it. Under a permission for single files it would be one of this folder.
    "libc.so.6",
  ];
}

/** This thread's, once it has been opened. */
let opened: OpenedLibc | undefined;

/**
 * Opens the C library of this thread, once. It asks what the program may do first, so that no prompt appears,
 * and opens nothing if it may not. Cost: some 10 ms the first time.
 */
export function openLibc(): OpenedLibc {
  if (opened?.libc === undefined) opened = openLibcOf(DENO);
  return opened;
}

/** The same, of a system that answers in place of Deno, as in tests; not once but each time. */
export function openLibcOf(system: LibcSystem): OpenedLibc {
  const { os, arch } = system;
  const calls = SYSTEM_CALLS[arch];
  if (os !== "linux") return { whyNot: `the system is ${os}, and only Linux is known here` };
  if (calls === undefined) {
    return { whyNot: `the system calls of Linux on ${arch} are not known here` };
  }
  const paths = pathsFor(arch);
  const permitted = paths.filter((path) => system.mayOpen(path));
  if (permitted.length === 0) {
    return { whyNot: `the program may not call the C library: grant --allow-ffi=${paths[0]}` };
  }
  const failures: string[] = [];
  for (const path of permitted) {
    try {
      return { libc: new LinuxLibc(system.open(path), calls) };
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  return { whyNot: `no C library was found: ${failures.join("; ")}` };
}

class LinuxLibc implements Libc {
  readonly pageBytes: number;
  readonly #symbols: Symbols;
  readonly #calls: Readonly<Record<string, bigint>>;
  readonly #errno = new Int32Array(1);
  readonly #errnoBytes = new Uint8Array(this.#errno.buffer);
  /** Where the C library keeps the errno of this thread. */
  readonly #errnoAddress: bigint;

  constructor(symbols: Symbols, calls: Readonly<Record<string, bigint>>) {
    this.#symbols = symbols;
    this.#calls = calls;
    this.#errnoAddress = symbols.errnoLocation();
    this.pageBytes = symbols.getpagesize();
  }

  addressOf(buffer: SharedArrayBuffer): number {
    return Number(this.#addressOf(new Uint8Array(buffer, 0, buffer.byteLength)));
  }

  madvise(address: number, byteLength: number, advice: number): number {
    return this.#errnoOf(this.#symbols.madvise(BigInt(address), BigInt(byteLength), advice));
  }

  lockOnFault(address: number, byteLength: number): number {
    const { mlock2 } = this.#calls;
    return this.#errnoOf(
      this.#symbols.mlock2(mlock2!, BigInt(address), BigInt(byteLength), MLOCK_ONFAULT),
    );
  }

  preferNode(address: number, byteLength: number, node: number): number {
    const result = this.#symbols.mbind(
      this.#calls.mbind!,
      BigInt(address),
      BigInt(byteLength),
      BigInt(MPOL_PREFERRED),
      maskOf([node], NODE_BITS >> 3),
      BigInt(NODE_BITS + 1), // the kernel takes the last bit off
      MPOL_MF_MOVE,
    );
    return this.#errnoOf(result);
  }

  preferredNode(address: number): Answer<number> {
    const { errno, value } = this.#policy(BigInt(address), MPOL_F_ADDR);
    if (value === undefined) return { errno };
    return { errno, value: value.mode === MPOL_PREFERRED ? value.nodes[0] ?? -1 : -1 };
  }

  allowedNodes(): Answer<number[]> {
    const { errno, value } = this.#policy(0n, MPOL_F_MEMS_ALLOWED);
    return value === undefined ? { errno } : { errno, value: value.nodes };
  }

  #policy(address: bigint, flags: bigint): Answer<{ mode: number; nodes: number[] }> {
    const mode = new Int32Array(1);
    const mask = new Uint8Array(NODE_BITS >> 3);
    const { getMempolicy } = this.#calls;
    const result = this.#symbols.getMempolicy(
      getMempolicy!,
      new Uint8Array(mode.buffer),
      mask,
      BigInt(NODE_BITS),
      address,
      flags,
    );
    const errno = this.#errnoOf(result);
    return errno === 0 ? { errno, value: { mode: mode[0]!, nodes: membersOf(mask) } } : { errno };
  }

  nodesOfPages(addresses: readonly number[]): Answer<number[]> {
    const pages = BigUint64Array.from(addresses, BigInt);
    const status = new Int32Array(addresses.length);
    const result = this.#symbols.movePages(
      this.#calls.movePages!,
      0n, // this process
      BigInt(addresses.length),
      new Uint8Array(pages.buffer),
      0n, // nowhere: only ask
      new Uint8Array(status.buffer),
      0n,
    );
    const errno = this.#errnoOf(result);
    return errno === 0 ? { errno, value: [...status] } : { errno };
  }

  scanPages(address: number, byteLength: number): Answer<PresentPages[]> {
    const file = this.#symbols.open(pathBytes("/proc/self/pagemap"), O_RDONLY_CLOEXEC);
    if (file < 0) return { errno: this.#errnoOf(file) };
    try {
      return this.#scan(file, BigInt(address), BigInt(address + byteLength));
    } finally {
      this.#symbols.close(file);
    }
  }

  #scan(file: number, begin: bigint, end: bigint): Answer<PresentPages[]> {
    const regions = new BigUint64Array(3 * SCAN_REGIONS);
    const regionsAddress = this.#addressOf(new Uint8Array(regions.buffer));
    // struct pm_scan_arg; the kernel writes into [4] how far it has come.
    const request = new BigUint64Array(12);
    const found: PresentPages[] = [];
    while (begin < end) {
      request.set([96n, 0n, begin, end, 0n, regionsAddress, BigInt(SCAN_REGIONS), 0n, 0n]);
      request.set([PAGE_IS_PRESENT, 0n, PAGE_IS_PRESENT | PAGE_IS_HUGE], 9);
      const count = this.#symbols.ioctl(file, PAGEMAP_SCAN, new Uint8Array(request.buffer));
      if (count < 0) return { errno: this.#errnoOf(count) };
      for (let at = 0; at < 3 * count; at += 3) {
        const isHuge = (regions[at + 2]! & PAGE_IS_HUGE) !== 0n;
        found.push({ begin: Number(regions[at]), end: Number(regions[at + 1]), isHuge });
      }
      begin = request[4]!;
    }
    return { errno: 0, value: found };
  }

  presentPages(address: number, byteLength: number): Answer<PresentPages[]> {
    const found: PresentPages[] = [];
    for (let from = 0; from < byteLength; from += MINCORE_BYTES) {
      const bytes = Math.min(MINCORE_BYTES, byteLength - from);
      const present = new Uint8Array(Math.ceil(bytes / this.pageBytes));
      const result = this.#symbols.mincore(BigInt(address + from), BigInt(bytes), present);
      if (result < 0) return { errno: this.#errnoOf(result) };
      const isPresent = (page: number) => (present[page]! & 1) === 1;
      for (let page = 0; page < present.length; page++) {
        if (!isPresent(page)) continue;
        const begin = address + from + page * this.pageBytes;
        while (page < present.length && isPresent(page)) page++;
        found.push({ begin, end: address + from + page * this.pageBytes, isHuge: false });
      }
    }
    return { errno: 0, value: found };
  }

  threadId(): number {
    return Number(this.#symbols.gettid(this.#calls.gettid!));
  }

  pin(cpus: readonly number[]): number {
    const mask = maskOf(cpus, CPU_MASK_BYTES);
    return this.#errnoOf(this.#symbols.sched_setaffinity(0, BigInt(CPU_MASK_BYTES), mask));
  }

  affinity(threadId: number): Answer<number[]> {
    const mask = new Uint8Array(CPU_MASK_BYTES);
    const result = this.#symbols.sched_getaffinity(threadId, BigInt(CPU_MASK_BYTES), mask);
    const errno = this.#errnoOf(result);
    return errno === 0 ? { errno, value: membersOf(mask) } : { errno };
  }

  readText(path: string): Answer<string> {
    const file = this.#symbols.open(pathBytes(path), O_RDONLY_CLOEXEC);
    if (file < 0) return { errno: this.#errnoOf(file) };
    const decoder = new TextDecoder();
    const chunk = new Uint8Array(64 * 1024);
    let text = "";
    try {
      for (;;) {
        const count = Number(this.#symbols.read(file, chunk, BigInt(chunk.length)));
        if (count < 0) return { errno: this.#errnoOf(count) };
        if (count === 0) return { errno: 0, value: text + decoder.decode() };
        text += decoder.decode(chunk.subarray(0, count), { stream: true });
      }
    } finally {
      this.#symbols.close(file);
    }
  }

  /** 0 of a call that has succeeded; else why not, which the next call of this thread may overwrite. */
  #errnoOf(result: number | bigint): number {
    if (result >= 0) return 0;
    this.#symbols.copyFrom(this.#errnoBytes, this.#errnoAddress, 4n);
    return this.#errno[0]!;
  }

  #addressOf(bytes: Uint8Array): bigint {
    return this.#symbols.addressOf(bytes as Uint8Array<ArrayBuffer>, 0n, 0n);
  }
}

function pathBytes(path: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${path}\0`);
}

/** A mask with the bits of `members`, the lowest first. */
function maskOf(members: readonly number[], byteLength: number): Uint8Array<ArrayBuffer> {
  const mask = new Uint8Array(byteLength);
  for (const member of members) mask[member >> 3]! |= 1 << (member & 7);
  return mask;
}

function membersOf(mask: Uint8Array): number[] {
  const members: number[] = [];
  mask.forEach((byte, at) => {
    for (let bit = 0; bit < 8; bit++) if (byte & (1 << bit)) members.push(8 * at + bit);
  });
  return members;
}
