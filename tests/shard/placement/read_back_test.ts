import { assertEquals } from "@std/assert";
import { readMemory, readThread } from "../../../shard/placement/mod.ts";
import { parseMappings } from "../../../shard/placement/read_back.ts";
import { ADDRESS, RecordedLibc, THREAD } from "../../harness/recorded_libc.ts";

const KIB = 1024;

/** A mapping as `/proc/self/smaps` shows it, lines that are not looked at included. */
function mapping(begin: number, end: number, hugeKib: number, flags: string): string {
  return [
    `${begin.toString(16)}-${end.toString(16)} rw-p 00000000 00:00 0 `,
    `Size:           ${(end - begin) / KIB} kB`,
    `AnonHugePages:  ${hugeKib} kB`,
    "Locked:         0 kB",
    `VmFlags: rd wr mr mw me ac ${flags} `,
    "",
  ].join("\n");
}

Deno.test("parseMappings() counts what is in the range, of mappings that go on beyond it", () => {
  const smaps = mapping(0x1000_0000, 0x1080_0000, 8192, "lo hg") +
    mapping(0x1080_0000, 0x1100_0000, 2048, "sd") +
    mapping(0x1100_0000, 0x1180_0000, 8192, "lo");
  const MIB = KIB * KIB;
  assertEquals(parseMappings(smaps, 0x1040_0000, 0x1100_0000), {
    lockedBytes: 4 * MIB,
    hugeBytesAtMost: 4 * MIB + 2 * MIB,
  });
  assertEquals(parseMappings(smaps, 0x2000_0000, 0x2100_0000), {
    lockedBytes: 0,
    hugeBytesAtMost: 0,
  });
});

Deno.test("readThread() reads the last cpu behind a name with blanks and brackets", () => {
  const fields = Array.from({ length: 50 }, (_, at) => `${at + 3}`); // each field its own number
  fields[36] = "5"; // the 39th is the cpu
  const stat = `${THREAD} (worker) 1 (x) ${fields.join(" ")}\n`;
  const files = { [`/proc/self/task/${THREAD}/stat`]: stat };
  const libc = new RecordedLibc({ cpus: [4, 5], nodes: [0], files });
  assertEquals(readThread(libc, THREAD), { cpus: [4, 5], cpu: 5 });
});

Deno.test("readThread() of a thread that has ended knows nothing", () => {
  const libc = new RecordedLibc({ cpus: [4], nodes: [0], refuses: { affinity: 3 } });
  assertEquals(readThread(libc, THREAD), { cpus: [], cpu: undefined });
});

const BYTES = 64 * KIB;
/** Four pages, all but the last on node 1. */
const PAGES = new Map([[0, 1], [1, 1], [4, 1], [9, 0]].map(([page, node]) => [
  ADDRESS + page! * 4096,
  node!,
]));

Deno.test("readMemory() says which node most pages are on, and whether all are as they were told", () => {
  const libc = new RecordedLibc({ cpus: [0], nodes: [0, 1], pages: PAGES });
  libc.preferNode(ADDRESS, BYTES, 1);
  const { node, nodeVerified, presentBytes } = readMemory(libc, ADDRESS, BYTES);
  assertEquals({ node, nodeVerified, presentBytes }, {
    node: 1,
    nodeVerified: false,
    presentBytes: 4 * 4096,
  });
  const near = readMemory(libc, ADDRESS, BYTES / 2);
  assertEquals([near.node, near.nodeVerified, near.presentBytes], [1, true, 3 * 4096]);
  const untold = new RecordedLibc({ cpus: [0], nodes: [0, 1], pages: PAGES });
  assertEquals(readMemory(untold, ADDRESS, BYTES / 2).nodeVerified, false);
});

Deno.test("readMemory() asks about pages from all over the range", () => {
  const pages = new Map(
    Array.from({ length: 4096 }, (_, page) => [ADDRESS + page * 4096, page >> 11]),
  );
  const asked: number[][] = [];
  class Asked extends RecordedLibc {
    override nodesOfPages(addresses: readonly number[]) {
      asked.push(addresses.map((address) => (address - ADDRESS) / 4096));
      return super.nodesOfPages(addresses);
    }
  }
  const libc = new Asked({ cpus: [0], nodes: [0, 1], pages });
  assertEquals(readMemory(libc, ADDRESS, 4096 * 4096).nodeVerified, false);
  assertEquals(asked, [Array.from({ length: 512 }, (_, at) => 8 * at)]);
});

Deno.test("readMemory() of kernels that know less: mincore, whole mappings, or nothing", () => {
  const smaps = mapping(ADDRESS - 4096, ADDRESS + BYTES, 16, "lo");
  const older = { cpus: [0], nodes: [0], pages: PAGES, refuses: { scanPages: 25 } };
  const files = { "/proc/self/smaps": smaps };
  assertEquals(readMemory(new RecordedLibc({ ...older, files }), ADDRESS, BYTES), {
    node: 1,
    nodeVerified: false,
    presentBytes: 4 * 4096,
    hugePageBytes: 16 * KIB,
    lockedBytes: BYTES,
  });
  const refuses = { scanPages: 25, presentPages: 38, nodesOfPages: 1 };
  assertEquals(readMemory(new RecordedLibc({ ...older, refuses }), ADDRESS, BYTES), {
    node: undefined,
    nodeVerified: false,
    presentBytes: undefined,
    hugePageBytes: undefined,
    lockedBytes: undefined,
  });
});
