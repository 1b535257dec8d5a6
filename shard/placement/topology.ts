/**
 * The nodes of the machine: which cpus and how much memory lie together, and how far they are from others.
 *
 * @module
 */

import { parseCpuList } from "./cpu_list.ts";

/** A node: memory, and the cpus that are near it. It may lack either. */
export interface MachineNode {
  /** Its number. Numbers may leave gaps. */
  readonly id: number;
  /** Its cpus that are online, in order. */
  readonly cpus: readonly number[];
  /** Bytes of its memory. */
  readonly memoryBytes: number;
  /** How far a node is from it, by that node's number: 10 for itself, as the firmware says. */
  readonly distances: ReadonlyMap<number, number>;
}

/** Where the kernel shows them. */
const NODES_FOLDER = "/sys/devices/system/node";

/**
 * Reads the nodes.
 *
 * @param read Gives a file's text, undefined if it can't be read.
 * @param folder Where they are shown.
 * @returns In the order of their numbers; none if the kernel shows none, as one without NUMA.
 */
export function readTopology(
  read: (path: string) => string | undefined,
  folder: string = NODES_FOLDER,
): MachineNode[] {
  const ids = parseCpuList(read(`${folder}/online`) ?? "");
  return ids.map((id) => {
    const [, kib = "0"] = /MemTotal: *(\d+) kB/.exec(read(`${folder}/node${id}/meminfo`) ?? "") ??
      [];
    const distances = (read(`${folder}/node${id}/distance`) ?? "").trim().split(/\s+/).map(Number);
    return {
      id,
      cpus: parseCpuList(read(`${folder}/node${id}/cpulist`) ?? ""),
      memoryBytes: Number(kib) * 1024,
      distances: new Map(ids.map((to, at) => [to, distances[at] ?? (to === id ? 10 : 20)])),
    };
  });
}
