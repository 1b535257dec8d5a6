import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { type Libc, type LibcSystem, MADV_DONTNEED, openLibc } from "../../../shard/machine/mod.ts";
import { MADV_POPULATE_WRITE } from "../../../shard/machine/mod.ts";

const EPERM = 1;
const ENOENT = 2;
const ESRCH = 3;
const EINVAL = 22;
const MIB = 2 ** 20;

const system: LibcSystem = {
  os: "linux",
  arch: "x86_64",
  mayOpen: () => true,
  open: (path) => {
    throw new Error(`Could not open library: ${path}`);
  },
};

Deno.test("openLibc() says why there is none: the system, the machine, the permission", () => {
  const why = (differences: Partial<LibcSystem>) => openLibc({ ...system, ...differences }).whyNot;
  assertEquals(why({ os: "darwin" }), "the system is darwin, and only Linux is known here");
  assertEquals(why({ arch: "riscv64" }), "the system calls of Linux on riscv64 are not known here");
  assertEquals(
    why({ mayOpen: () => false, arch: "aarch64" }),
    "the program may not call the C library: grant --allow-ffi=/lib/aarch64-linux-gnu/libc.so.6",
  );
});

Deno.test("openLibc() opens nothing that the program may not, and tries the rest in order", () => {
  const tried: string[] = [];
  const { whyNot } = openLibc({
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

/** A test of the real library, with memory of its own. */
function testReal(name: string, body: (libc: Libc, address: number, bytes: Uint8Array) => void) {
  Deno.test({
    name: whyNot === undefined ? name : `${name} (left out: ${whyNot})`,
    ignore: libc === undefined,
    fn: () => {
      const buffer = new SharedArrayBuffer(8 * MIB, { maxByteLength: 8 * MIB });
      body(libc!, libc!.addressOf(buffer), new Uint8Array(buffer, 0, 8 * MIB));
    },
  });
}

/** Of a kernel that is too old for a call, or a container that forbids it. */
function isRefusal(errno: number): boolean {
  return errno === EPERM || errno === 38 /* ENOSYS */;
}

function lengthOf(pages: readonly { begin: number; end: number }[] | undefined): number {
  return pages!.reduce((sum, { begin, end }) => sum + end - begin, 0);
}

testReal(
  "Libc sees the pages that are touched, and that are given back",
  (libc, address, bytes) => {
    const { pageBytes } = libc;
    assertEquals(address % pageBytes, 0);
    assertEquals(libc.presentPages(address, bytes.length).value, []);
    bytes[0] = 7;
    bytes[3 * pageBytes] = 8;
    const [first, second, ...others] = libc.presentPages(address, bytes.length).value!;
    assertEquals(first, { begin: address, end: address + pageBytes, isHuge: false });
    assertEquals(second!.begin, address + 3 * pageBytes);
    assertEquals(others, []);
    const scanned = libc.scanPages(address, bytes.length);
    if (scanned.value !== undefined) assertEquals(scanned.value, [first!, second!]);
    assertEquals(libc.madvise(address, pageBytes, MADV_DONTNEED), 0);
    assertEquals([bytes[0], bytes[3 * pageBytes]], [0, 8]);
  },
);

testReal("Libc sees more pages than one look has room for", (libc, address, bytes) => {
  const { pageBytes } = libc;
  let touched = 0;
  for (let at = 0; at < bytes.length; at += 2 * pageBytes, touched++) bytes[at] = 1;
  assertEquals(libc.presentPages(address, bytes.length).value!.length, touched);
  assert(touched > 512 || pageBytes > 4096);
  const { value } = libc.scanPages(address, bytes.length);
  if (value !== undefined) assertEquals(lengthOf(value), touched * pageBytes);
});

testReal("Libc has pages written to, if the kernel can", (libc, address, bytes) => {
  const errno = libc.madvise(address, MIB, MADV_POPULATE_WRITE);
  if (errno === EINVAL) return; // before Linux 5.14
  assertEquals(errno, 0);
  assertEquals(lengthOf(libc.presentPages(address, bytes.length).value), MIB);
});

testReal("Libc binds memory to a node, and reads back policy and node", (libc, address, bytes) => {
  const [node = 0] = libc.allowedNodes().value ?? [];
  const errno = libc.preferNode(address, MIB, node);
  if (isRefusal(errno)) return; // tests/shard/host/placement_test.ts has what becomes of it
  assertEquals(errno, 0);
  assertEquals(libc.preferredNode(address).value, node);
  assertEquals(libc.preferredNode(address + MIB).value, -1, "the next has no policy");
  bytes[0] = 1;
  assertEquals(libc.nodesOfPages([address, address + 4 * MIB]).value, [node, -ENOENT]);
  assertEquals(libc.preferNode(address, MIB, 1000), EINVAL, "no machine has node 1000");
  assertEquals(libc.preferNode(address + 1, MIB, node), EINVAL, "not the begin of a page");
});

testReal("Libc locks memory from its first touch on, or says why not", (libc, address) => {
  const errno = libc.lockOnFault(address, MIB);
  if (errno !== 0) return void assert([1, 11, 12].includes(errno), `errno ${errno}`);
  assertEquals(libc.presentPages(address, MIB).value, [], "nothing is there yet");
  assertEquals(libc.madvise(address, libc.pageBytes, MADV_DONTNEED), EINVAL, "locked");
});

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
