/** What `/sys/devices/system/node` shows on machines of several kinds: files by path. */

/** Where the trees stand. */
export const NODES_FOLDER = "/sys/devices/system/node";

interface PaperNode {
  readonly cpulist: string;
  readonly gib: number;
  readonly distance: string;
}

function tree(nodes: Readonly<Record<number, PaperNode>>, online: string): Record<string, string> {
  const files: Record<string, string> = { [`${NODES_FOLDER}/online`]: `${online}\n` };
  for (const [id, { cpulist, gib, distance }] of Object.entries(nodes)) {
    const folder = `${NODES_FOLDER}/node${id}`;
    files[`${folder}/cpulist`] = `${cpulist}\n`;
    files[`${folder}/distance`] = `${distance}\n`;
    // As the kernel writes it, lines that are not looked at included.
    files[`${folder}/meminfo`] = [
      `Node ${id} MemTotal:       ${gib * 2 ** 20} kB`,
      `Node ${id} MemFree:        ${gib * 2 ** 19} kB`,
      "",
    ].join("\n");
  }
  return files;
}

export const NODE_TREES = {
  oneNode: tree({ 0: { cpulist: "0-3", gib: 8, distance: "10" } }, "0"),
  twoNodes: tree({
    0: { cpulist: "0-1,4-5", gib: 8, distance: "10 21" },
    1: { cpulist: "2-3,6-7", gib: 8, distance: "21 10" },
  }, "0-1"),
  /** As memory on a card: near to node 1. */
  nodeWithoutCpus: tree({
    0: { cpulist: "0-1", gib: 4, distance: "10 20 30" },
    1: { cpulist: "2-3", gib: 4, distance: "20 10 15" },
    2: { cpulist: "", gib: 16, distance: "30 15 10" },
  }, "0-2"),
  nodeWithoutMemory: tree({
    0: { cpulist: "0-1", gib: 8, distance: "10 30 20" },
    1: { cpulist: "2-3", gib: 0, distance: "30 10 12" },
    2: { cpulist: "4-5", gib: 8, distance: "20 12 10" },
  }, "0-2"),
  sparseIds: tree({
    0: { cpulist: "0-1", gib: 8, distance: "10 40" },
    8: { cpulist: "64-65", gib: 8, distance: "40 10" },
  }, "0,8"),
  /** Cpus 1 and 3 are off: the kernel's lists leave them out. */
  offlineCpus: tree({
    0: { cpulist: "0", gib: 8, distance: "10 21" },
    1: { cpulist: "2", gib: 8, distance: "21 10" },
  }, "0-1"),
} as const satisfies Record<string, Readonly<Record<string, string>>>;
