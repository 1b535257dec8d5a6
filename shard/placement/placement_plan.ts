/**
 * Which cpus and which memory each shard gets. After Seastar's resource allocation (`resource.cc`): cpus in
 * turns from all nodes; memory from the cpu's own node first, for all shards, and then what is left to
 * have from others. It differs in that nearer nodes come first, and that a slice's length is given.
 *
 * @module
 */

import { formatCpuList } from "./cpu_list.ts";
import type { MachineNode } from "./topology.ts";

/** To a cpu each, to the cpus of a node, to these cpus by shard, or to none. */
export type Pin = boolean | "node" | readonly number[];

/** What is to be placed, and what there is. */
export interface PlacementQuestion {
  readonly pin: Pin;
  /** Whether memory is to come from the node of the shard's cpu. */
  readonly numa: boolean;
  /** Bytes of each shard's slice. */
  readonly sliceBytes: readonly number[];
  /** The nodes; none if the kernel shows none. */
  readonly nodes: readonly MachineNode[];
  /** Cpus that this process may run on, in order. */
  readonly allowedCpus: readonly number[];
  /** Nodes whose memory it may use. */
  readonly allowedNodes: readonly number[];
  /** How many cpus' time it may use, by affinity and quota. */
  readonly cores: number;
}

/** A part of a slice, and the node that it is to come from. */
export interface NodeMemory {
  readonly node: number;
  /** From the start of the slice. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

/** What one shard gets. */
export interface ShardPlan {
  /** The cpus that its thread is to run on; none if it is left free. */
  readonly cpus: readonly number[];
  /** Where its slice is to come from, in order; what is in no part is left to the kernel. */
  readonly memory: readonly NodeMemory[];
  /** What was asked for and cannot be. */
  readonly problems: readonly string[];
}

/** Parts of a slice end on such a boundary, so that none splits a huge page. */
const HUGE_PAGE_BYTES = 2 ** 21;

/** Plans a place for each shard, in the order of their ids. */
export function planPlacement(question: PlacementQuestion): ShardPlan[] {
  const { pin, numa, sliceBytes, nodes, allowedCpus, cores } = question;
  const count = sliceBytes.length;
  const problems: string[][] = sliceBytes.map(() => []);
  const say = (problem: string) => problems.forEach((each) => each.push(problem));
  // Where there are fewer cpus than shards, two pinned to one would wait for each other while the
  // other cpus idle: so Seastar's --overprovisioned implies --thread-affinity 0.
  const available = Math.min(cores, allowedCpus.length);
  const isUnknown = (pin === true || pin === "node") && allowedCpus.length === 0;
  const isShort = pin === true && !isUnknown && count > available;
  if (isShort) {
    say(`no shard is pinned: ${count} shards share the time of ${available} cpus`);
  }
  if (isUnknown) say("no shard is pinned: the kernel does not say which cpus this process may use");
  const isPinned = pin !== false && !isShort && !isUnknown;
  const homes = homeCpus(question);
  const nodeOf = (cpu: number | undefined) =>
    nodes.find(({ cpus }) => cpu !== undefined && cpus.includes(cpu));
  const homeNodes = homes.map(nodeOf);
  const memory = numa ? divideNodes(question, homeNodes, problems) : sliceBytes.map(() => []);
  if (numa && !isPinned && nodes.filter(({ cpus }) => cpus.length > 0).length > 1) {
    say("its thread may leave the node that its memory is on: `pin` keeps it there");
  }
  return homes.map((home, shard) => {
    const node = homeNodes[shard];
    const nearby = node?.cpus.filter((cpu) => allowedCpus.includes(cpu)) ?? allowedCpus;
    const cpus = !isPinned || home === undefined ? [] : pin === "node" ? nearby : [home];
    return { cpus, memory: memory[shard]!, problems: problems[shard]! };
  });
}

/** The cpu that each shard is at home on: as told, or from the nodes in turns. */
function homeCpus({ pin, nodes, allowedCpus, sliceBytes }: PlacementQuestion) {
  if (typeof pin === "object") return pin.slice(0, sliceBytes.length); // one more is the host's
  const queues = nodes.map(({ cpus }) => cpus.filter((cpu) => allowedCpus.includes(cpu)));
  const inNodes = queues.flat();
  // Also those that no node has: the kernel may show none at all.
  queues.push(allowedCpus.filter((cpu) => !inNodes.includes(cpu)));
  const longest = Math.max(...queues.map(({ length }) => length));
  const inTurns = Array.from({ length: longest }, (_, turn) => queues.map((queue) => queue[turn]))
    .flat().filter((cpu) => cpu !== undefined);
  return sliceBytes.map((_, shard) => inTurns[shard % inTurns.length]);
}

/** Takes the memory of the nodes, and says in `problems` what is not near. */
function divideNodes(
  { nodes, allowedNodes, sliceBytes }: PlacementQuestion,
  homes: readonly (MachineNode | undefined)[],
  problems: readonly string[][],
): NodeMemory[][] {
  const left = new Map(
    nodes.filter(({ id, memoryBytes }) => memoryBytes > 0 && allowedNodes.includes(id))
      .map(({ id, memoryBytes }) => [id, memoryBytes]),
  );
  const parts: NodeMemory[][] = sliceBytes.map(() => []);
  const nearestFirst = homes.map((home) => {
    const distance = (id: number) => home?.distances.get(id) ?? Infinity;
    return [...left.keys()].sort((a, b) => distance(a) - distance(b) || a - b);
  });
  const take = (shard: number, node: number) => {
    const last = parts[shard]!.at(-1);
    const byteOffset = last === undefined ? 0 : last.byteOffset + last.byteLength;
    const wanted = sliceBytes[shard]! - byteOffset;
    const room = left.get(node)!;
    const bytes = wanted <= room ? wanted : Math.floor(room / HUGE_PAGE_BYTES) * HUGE_PAGE_BYTES;
    if (bytes <= 0) return;
    left.set(node, room - bytes);
    parts[shard]!.push({ node, byteOffset, byteLength: bytes });
  };
  sliceBytes.forEach((_, shard) => {
    const [nearest] = nearestFirst[shard]!;
    if (nearest !== undefined && homes[shard] !== undefined) take(shard, nearest);
  });
  sliceBytes.forEach((bytes, shard) => {
    const home = homes[shard];
    if (home === undefined) {
      problems[shard]!.push(
        "its memory is on no node in particular: the kernel shows none for its cpu",
      );
      return;
    }
    for (const node of nearestFirst[shard]!) take(shard, node);
    const near = parts[shard]!.filter(({ node }) => node === home.id)
      .reduce((sum, { byteLength }) => sum + byteLength, 0);
    if (near === bytes) return;
    const others = parts[shard]!.map(({ node }) => node).filter((node) => node !== home.id);
    const whence = others.length === 0
      ? "wherever the kernel has some"
      : `node ${formatCpuList([...new Set(others)].sort((a, b) => a - b))}`;
    problems[shard]!.push(
      `${
        bytes - near
      } bytes of its slice come from ${whence}: node ${home.id} has no room for more`,
    );
  });
  return parts;
}
