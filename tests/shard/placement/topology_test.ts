import { assert, assertEquals } from "@std/assert";
import { formatCpuList, parseCpuList } from "../../../shard/placement/cpu_list.ts";
import { openLibc } from "../../../shard/machine/mod.ts";
import { readTopology } from "../../../shard/placement/mod.ts";
import { NODE_TREES, NODES_FOLDER } from "../../harness/node_trees.ts";
import { withRandom } from "../../harness/seeded_random.ts";

const GIB = 2 ** 30;

function read(tree: keyof typeof NODE_TREES) {
  const files: Readonly<Record<string, string>> = NODE_TREES[tree];
  return readTopology((path) => files[path]).map(({ distances, ...node }) => ({
    ...node,
    distances: [...distances],
  }));
}

Deno.test("parseCpuList() reads numbers, ranges, and an empty list", () => {
  assertEquals(parseCpuList("0,1-3,7\n"), [0, 1, 2, 3, 7]);
  assertEquals(parseCpuList("5"), [5]);
  assertEquals(parseCpuList("\n"), []);
});

Deno.test("formatCpuList() writes what parseCpuList() reads", () => {
  assertEquals(formatCpuList([0, 1, 2, 3, 7]), "0-3,7");
  assertEquals(formatCpuList([]), "");
  withRandom((random) => {
    for (let round = 0; round < 200; round++) {
      const numbers = Array.from({ length: 40 }, (_, at) => at).filter(() => random.below(2) === 0);
      assertEquals(parseCpuList(formatCpuList(numbers)), numbers);
    }
  });
});

Deno.test("readTopology() reads the nodes of a machine with one, and with two", () => {
  assertEquals(read("oneNode"), [
    { id: 0, cpus: [0, 1, 2, 3], memoryBytes: 8 * GIB, distances: [[0, 10]] },
  ]);
  assertEquals(read("twoNodes"), [
    { id: 0, cpus: [0, 1, 4, 5], memoryBytes: 8 * GIB, distances: [[0, 10], [1, 21]] },
    { id: 1, cpus: [2, 3, 6, 7], memoryBytes: 8 * GIB, distances: [[0, 21], [1, 10]] },
  ]);
});

Deno.test("readTopology() reads nodes without cpus, without memory, and numbers with gaps", () => {
  assertEquals(read("nodeWithoutCpus")[2], {
    id: 2,
    cpus: [],
    memoryBytes: 16 * GIB,
    distances: [[0, 30], [1, 15], [2, 10]],
  });
  assertEquals(read("nodeWithoutMemory").map(({ memoryBytes }) => memoryBytes / GIB), [8, 0, 8]);
  assertEquals(read("sparseIds")[1], {
    id: 8,
    cpus: [64, 65],
    memoryBytes: 8 * GIB,
    distances: [[0, 40], [8, 10]],
  });
});

Deno.test("readTopology() reads another folder, and no node where there are no files", () => {
  const files: Readonly<Record<string, string>> = NODE_TREES.twoNodes;
  const elsewhere = readTopology((path) => files[path.replace("/tree", NODES_FOLDER)], "/tree");
  assertEquals(elsewhere.map(({ id }) => id), [0, 1]);
  assertEquals(readTopology(() => undefined), []);
});

const { libc, whyNot } = openLibc();

Deno.test({
  name: `readTopology() reads this machine through the C library${whyNot ? `: ${whyNot}` : ""}`,
  ignore: libc === undefined || libc.readText(`${NODES_FOLDER}/online`).value === undefined,
  fn: () => {
    const nodes = readTopology((path) => libc!.readText(path).value);
    const cpus = nodes.flatMap((node) => node.cpus).sort((a, b) => a - b);
    assertEquals(cpus, parseCpuList(libc!.readText("/sys/devices/system/cpu/online").value!));
    // How much memory they have varies: virtual machines may leave out what was plugged in later.
    assert(nodes.some(({ memoryBytes }) => memoryBytes > 2 ** 20));
  },
});
