import { assertEquals } from "@std/assert";
import { type Pin, planPlacement, readTopology } from "../../../shard/placement/mod.ts";
import { parseCpuList } from "../../../shard/placement/cpu_list.ts";
import { NODE_TREES } from "../../harness/node_trees.ts";

const GIB = 2 ** 30;
const HUGE_PAGE_BYTES = 2 ** 21;

interface Case {
  readonly tree?: keyof typeof NODE_TREES;
  readonly pin?: Pin;
  readonly numa?: boolean;
  readonly gib?: readonly number[];
  readonly allowed: string;
  readonly mems?: string;
  readonly cores?: number;
}

/** Plans, and shows memory as "node: GiB" of each part. */
function plan({ tree, pin = true, numa = true, gib = [1, 1, 1, 1], allowed, mems, cores }: Case) {
  const files: Readonly<Record<string, string>> = tree === undefined ? {} : NODE_TREES[tree];
  const nodes = readTopology((path) => files[path]);
  const allowedCpus = parseCpuList(allowed);
  const plans = planPlacement({
    pin,
    numa,
    sliceBytes: gib.map((each) => each * GIB),
    nodes,
    allowedCpus,
    allowedNodes: mems === undefined ? nodes.map(({ id }) => id) : parseCpuList(mems),
    cores: cores ?? allowedCpus.length,
  });
  for (const { memory } of plans) {
    let end = 0;
    for (const { byteOffset, byteLength } of memory) {
      assertEquals(byteOffset, end, "parts lie one behind the other");
      end += byteLength;
    }
  }
  return {
    cpus: plans.map((each) => each.cpus),
    memory: plans.map((each) =>
      each.memory.map((part) => `${part.node}: ${part.byteLength / GIB}`)
    ),
    problems: plans.map((each) => each.problems),
  };
}

Deno.test("planPlacement() takes cpus in turns from the nodes, and memory from the cpu's own", () => {
  assertEquals(plan({ tree: "twoNodes", allowed: "0-7" }), {
    cpus: [[0], [2], [1], [3]],
    memory: [["0: 1"], ["1: 1"], ["0: 1"], ["1: 1"]],
    problems: [[], [], [], []],
  });
  assertEquals(plan({ tree: "oneNode", allowed: "0-3" }).cpus, [[0], [1], [2], [3]]);
});

Deno.test("planPlacement() keeps to the cpus that the process may use", () => {
  const { cpus, memory } = plan({ tree: "twoNodes", allowed: "1,3-5" });
  assertEquals(cpus, [[1], [3], [4], [5]]);
  assertEquals(memory, [["0: 1"], ["1: 1"], ["0: 1"], ["0: 1"]]);
});

Deno.test("planPlacement() with offline cpus, and with node numbers that leave gaps", () => {
  assertEquals(plan({ tree: "offlineCpus", allowed: "0,2", gib: [1, 1] }), {
    cpus: [[0], [2]],
    memory: [["0: 1"], ["1: 1"]],
    problems: [[], []],
  });
  assertEquals(plan({ tree: "sparseIds", allowed: "0-1,64-65" }).memory, [
    ["0: 1"],
    ["8: 1"],
    ["0: 1"],
    ["8: 1"],
  ]);
});

Deno.test("planPlacement() takes from the nearest others what the own node has no room for", () => {
  assertEquals(plan({ tree: "nodeWithoutCpus", allowed: "0-3", gib: [3, 3, 3, 4] }), {
    cpus: [[0], [2], [1], [3]],
    memory: [["0: 3"], ["1: 3"], ["0: 1", "2: 2"], ["1: 1", "2: 3"]],
    problems: [
      [],
      [],
      [`${2 * GIB} bytes of its slice come from node 2: node 0 has no room for more`],
      [`${3 * GIB} bytes of its slice come from node 2: node 1 has no room for more`],
    ],
  });
});

Deno.test("planPlacement() serves every shard from its own node before any from another", () => {
  const { memory } = plan({ tree: "twoNodes", allowed: "0-7", gib: [10, 8] });
  assertEquals(memory, [["0: 8"], ["1: 8"]]);
});

Deno.test("planPlacement() leaves to the kernel what no node has", () => {
  const { memory, problems } = plan({ tree: "oneNode", allowed: "0", gib: [10] });
  assertEquals(memory, [["0: 8"]]);
  assertEquals(problems, [[
    `${
      2 * GIB
    } bytes of its slice come from wherever the kernel has some: node 0 has no room for more`,
  ]]);
});

Deno.test("planPlacement() gives a cpu whose node has no memory that of the nearest", () => {
  const { cpus, memory, problems } = plan({
    tree: "nodeWithoutMemory",
    allowed: "2-3",
    gib: [1, 1],
  });
  assertEquals(cpus, [[2], [3]]);
  assertEquals(memory, [["2: 1"], ["2: 1"]]);
  assertEquals(problems[0], [
    `${GIB} bytes of its slice come from node 2: node 1 has no room for more`,
  ]);
});

Deno.test("planPlacement() takes no memory of a node that the cpuset forbids", () => {
  const { memory } = plan({ tree: "twoNodes", allowed: "0-7", mems: "1", gib: [1, 1] });
  assertEquals(memory, [["1: 1"], ["1: 1"]]);
});

Deno.test("planPlacement() ends parts on boundaries of huge pages", () => {
  const { memory } = plan({ tree: "nodeWithoutCpus", allowed: "0-3", gib: [3.9995, 1, 1] });
  const [first = ""] = memory[2]!;
  assertEquals(first, "1: 1", "the 512 KiB that node 0 has left are no huge page");
  const [own = ""] = plan({ tree: "oneNode", allowed: "0", gib: [8.0003] }).memory[0]!;
  assertEquals((Number(own.split(": ")[1]) * GIB) % HUGE_PAGE_BYTES, 0);
});

Deno.test("planPlacement() pins no shard if there is no cpu, or no time, for each", () => {
  const few = plan({ tree: "oneNode", allowed: "0-2" });
  assertEquals(few.cpus, [[], [], [], []]);
  assertEquals(few.problems[3], ["no shard is pinned: 4 shards share the time of 3 cpus"]);
  const quota = plan({ tree: "oneNode", allowed: "0-3", cores: 2, numa: false });
  assertEquals(quota.cpus, [[], [], [], []]);
  assertEquals(quota.problems[0], ["no shard is pinned: 4 shards share the time of 2 cpus"]);
});

Deno.test('planPlacement() pins to the cpus of a node with "node", also more shards than cpus', () => {
  const { cpus, problems } = plan({ tree: "twoNodes", pin: "node", allowed: "0-3", cores: 1 });
  assertEquals(cpus, [[0, 1], [2, 3], [0, 1], [2, 3]]);
  assertEquals(problems.flat(), []);
});

Deno.test("planPlacement() pins to the cpus of a list, one for several shards too", () => {
  const { cpus, memory, problems } = plan({ tree: "twoNodes", pin: [2, 2, 0, 7], allowed: "0-7" });
  assertEquals(cpus, [[2], [2], [0], [7]]);
  assertEquals(memory, [["1: 1"], ["1: 1"], ["0: 1"], ["1: 1"]]);
  assertEquals(problems.flat(), []);
  const absent = plan({ tree: "twoNodes", pin: [99], allowed: "0-7", gib: [1] });
  assertEquals([absent.cpus, absent.memory], [[[99]], [[]]], "the kernel is to say so");
  assertEquals(absent.problems, [[
    "its memory is on no node in particular: the kernel shows none for its cpu",
  ]]);
});

Deno.test("planPlacement() says that a free thread may leave its memory, where it can", () => {
  const free = plan({ tree: "twoNodes", pin: false, allowed: "0-7", gib: [1, 1] });
  assertEquals(free.cpus, [[], []]);
  assertEquals(free.memory, [["0: 1"], ["1: 1"]]);
  assertEquals(free.problems[0], [
    "its thread may leave the node that its memory is on: `pin` keeps it there",
  ]);
  assertEquals(plan({ tree: "oneNode", pin: false, allowed: "0-3" }).problems.flat(), []);
});

Deno.test("planPlacement() without a topology pins all the same", () => {
  assertEquals(plan({ allowed: "0-1", numa: false, gib: [1, 1] }).cpus, [[0], [1]]);
  assertEquals(plan({ allowed: "0-1", pin: "node", numa: false, gib: [1] }).cpus, [[0, 1]]);
});

Deno.test("planPlacement() says that it pins no shard where the kernel does not say which cpus there are", () => {
  for (const pin of [true, "node"] as const) {
    const { cpus, problems } = plan({ tree: "twoNodes", pin, numa: false, allowed: "" });
    assertEquals(cpus, [[], [], [], []]);
    const text = "no shard is pinned: the kernel does not say which cpus this process may use";
    assertEquals(problems[3], [text]);
  }
  assertEquals(plan({ pin: [5, 4], gib: [1, 1], numa: false, allowed: "" }).cpus, [[5], [4]]);
});
