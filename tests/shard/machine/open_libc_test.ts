import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  type Libc,
  MADV_DONTNEED,
  MADV_POPULATE_WRITE,
  openLibc,
} from "../../../shard/machine/mod.ts";
import { type LibcSystem, openLibcOf } from "../../../shard/machine/open_libc.ts";

const ENOENT = 2;
const ESRCH = 3;
const EINVAL = 22;
const MADV_NOHUGEPAGE = 15;
const MIB = 2 ** 20;

const system: LibcSystem = {
  os: "linux",
  arch: "x86_64",
  mayOpen: () => true,
  open: (path) => {
    throw new Error(`Could not open library: ${path}`);
  },
};

Deno.test("openLibcOf() says why there is none: the system, the machine, the permission", () => {
  const why = (differences: Partial<LibcSystem>) =>
    openLibcOf({ ...system, ...differences }).whyNot;
  assertEquals(why({ os: "darwin" }), "the system is darwin, and only Linux is known here");
  assertEquals(why({ arch: "riscv64" }), "the system calls of Linux on riscv64 are not known here");
  assertEquals(
    why({ mayOpen: () => false, arch: "aarch64" }),
    "the program may not call the C library: grant --allow-ffi=/lib/aarch64-linux-gnu/libc.so.6",
  );
});

Deno.test("openLibcOf() opens nothing that the program may not, and tries the rest in order", () => {
  const tried: string[] = [];
  const { whyNot } = openLibcOf({
    ...system,
    mayOpen: (path) => path.startsWith("/lib/"),
    open: (path) => {
      tried.push(path);
      throw new Error(`Could not open library: ${path}`);
    },
  });
  assertEquals(tried, [
    "/lib/x86_64-linux-gnu/libc.so.6",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/libc.musl-x86_64.so.1",
  ]);
  assertEquals(
    whyNot,
    `no C library was found: ${tried.map((path) => `Could not open library: ${path}`).join("; ")}`,
  );
});

const { libc, whyNot } = openLibc();

/** A test of the real library, with memory of its own, unless there is a reason to leave it out. */
function testReal(
  name: string,
  body: (libc: Libc, address: number, bytes: Uint8Array) => void,
  reason = whyNot,
) {
  Deno.test({
    name: reason === undefined ? name : `${name} (left out: ${reason})`,
    ignore: reason !== undefined,
    fn: () => {
      const buffer = new SharedArrayBuffer(8 * MIB, { maxByteLength: 8 * MIB });
      const address = libc!.addressOf(buffer);
      // So that one touch is one page; refused by kernels that have no huge pages anyway.
      libc!.madvise(address, 8 * MIB, MADV_NOHUGEPAGE);
      body(libc!, address, new Uint8Array(buffer, 0, 8 * MIB));
    },
  });
}

/** Why this kernel, or the container, does not do `call`; undefined if it does. */
function refusalOf(call: (libc: Libc, address: number, byteLength: number) => number) {
  if (libc === undefined) return whyNot;
  const buffer = new SharedArrayBuffer(MIB, { maxByteLength: MIB });
  const errno = call(libc, libc.addressOf(buffer), MIB);
  return errno === 0 ? undefined : `the kernel refuses it with errno ${errno}`;
}

const [node = 0] = libc?.allowedNodes().value ?? [];
const whyNoPopulate = refusalOf((libc, address, length) =>
  libc.madvise(address, length, MADV_POPULATE_WRITE)
);
const whyNoNodes = refusalOf((libc, address, length) => libc.preferNode(address, length, node));
const whyNoLock = refusalOf((libc, address, length) => libc.lockOnFault(address, length));
const whyNoScan = refusalOf((libc, address, length) => libc.scanPages(address, length).errno);

testReal("Libc sees pages that are touched, and that are given back", (libc, address, bytes) => {
  const { pageBytes } = libc;
  assertEquals(address % pageBytes, 0);
  assertEquals(libc.presentPages(address, bytes.length).value, []);
  bytes[0] = 7;
  bytes[3 * pageBytes] = 8;
  const page = (at: number) => ({
    begin: address + at * pageBytes,
    end: address + (at + 1) * pageBytes,
    isHuge: false,
  });
  assertEquals(libc.presentPages(address, bytes.length).value, [page(0), page(3)]);
  assertEquals(libc.madvise(address, pageBytes, MADV_DONTNEED), 0);
  assertEquals(libc.presentPages(address, bytes.length).value, [page(3)]);
  assertEquals([bytes[0], bytes[3 * pageBytes]], [0, 8]);
});

testReal("Libc scans pages, more of them than one scan has room for", (libc, address, bytes) => {
  const { pageBytes } = libc;
  for (let at = 0; at < bytes.length; at += 2 * pageBytes) bytes[at] = 1;
  const scanned = libc.scanPages(address, bytes.length).value!;
  assertEquals(scanned.length, bytes.length / pageBytes / 2);
  assert(scanned.length > 512 || pageBytes > 4096);
  assertEquals(scanned, libc.presentPages(address, bytes.length).value);
}, whyNoScan);

testReal("Libc has pages written to", (libc, address, bytes) => {
  assertEquals(libc.madvise(address, MIB, MADV_POPULATE_WRITE), 0);
  assertEquals(libc.presentPages(address, bytes.length).value, [
    { begin: address, end: address + MIB, isHuge: false },
  ]);
}, whyNoPopulate);

testReal("Libc binds memory to a node, and reads back policy and node", (libc, address, bytes) => {
  assertEquals(libc.preferNode(address, MIB, node), 0);
  assertEquals(libc.preferredNode(address).value, node);
  assertEquals(libc.preferredNode(address + MIB).value, -1, "the next has no policy");
  bytes[0] = 1;
  assertEquals(libc.nodesOfPages([address, address + 4 * MIB]).value, [node, -ENOENT]);
  assertEquals(libc.preferNode(address, MIB, 1000), EINVAL, "no machine has node 1000");
  assertEquals(libc.preferNode(address + 1, MIB, node), EINVAL, "not the begin of a page");
}, whyNoNodes);

testReal("Libc locks memory from its first touch on", (libc, address) => {
  assertEquals(libc.lockOnFault(address, MIB), 0);
  assertEquals(libc.presentPages(address, MIB).value, [], "nothing is there yet");
  assertEquals(libc.madvise(address, libc.pageBytes, MADV_DONTNEED), EINVAL, "locked");
}, whyNoLock);

testReal("Libc knows this thread and its cpus, and refuses what is not there", (libc) => {
  const thread = libc.threadId();
  assertStringIncludes(libc.readText(`/proc/self/task/${thread}/stat`).value!, `${thread} (`);
  const cpus = libc.affinity(thread).value!;
  assertEquals(libc.affinity(0).value, cpus);
  assertEquals(libc.pin(cpus), 0);
  assertEquals(libc.pin([8191]), EINVAL);
  assertEquals(libc.affinity(0).value, cpus, "a refused pin changes nothing");
  assertEquals(libc.affinity(2 ** 30), { errno: ESRCH });
  assertEquals(libc.readText("/proc/self/nothing"), { errno: ENOENT });
  const long = libc.readText("/proc/self/smaps").value!;
  assert(long.length > 64 * 1024 && long.endsWith("\n"), "more than one read");
});
