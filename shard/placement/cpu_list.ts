/**
 * Lists of cpus and nodes as the kernel writes them: "0,1-3,7".
 *
 * @module
 */

/** The numbers of a list, in its order; none for an empty one, as of a node without cpus. */
export function parseCpuList(list: string): number[] {
  const ranges = list.trim().split(",").filter((range) => range !== "");
  return ranges.flatMap((range) => {
    const [first = NaN, last = first] = range.split("-").map(Number);
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
}

/** The list of `numbers`, which are in order. */
export function formatCpuList(numbers: readonly number[]): string {
  const ranges: number[][] = [];
  for (const number of numbers) {
    const range = ranges.at(-1);
    if (range !== undefined && range.at(-1) === number - 1) range[1] = number;
    else ranges.push([number]);
  }
  return ranges.map((range) => range.join("-")).join(",");
}
