/**
 * A picture of a heap for the terminal: the slice from its first address to its last, cut into cells
 * of equal length, each drawn by the share of its bytes that lie in live blocks.
 *
 * @module
 */
import type { HeapBlock } from "@tidepool/core/diagnosis";

/** How a cell is drawn, by the share of it that is in use, in quarters rounded up. */
export const HEAP_SHADES = ["·", "░", "▒", "▓", "█"] as const;

/** The share of each cell that is in use, from 0 to 1, and how many bytes a cell stands for. */
export interface HeapMap {
  readonly cells: Float64Array;
  readonly cellBytes: number;
}

/**
 * Measures how much of each part of a heap is in use.
 *
 * @param blocks Every block of the heap, in address order.
 * @param cells How many parts to cut the heap into.
 * @returns The share in use of each part; all 0 for a heap of no blocks.
 */
export function mapHeap(blocks: readonly HeapBlock[], cells: number): HeapMap {
  const used = new Float64Array(cells);
  const first = blocks[0];
  const last = blocks.at(-1);
  if (first === undefined || last === undefined) return { cells: used, cellBytes: 0 };
  const start = first.address;
  const cellBytes = (last.address + last.byteLength - start) / cells;
  for (const { address, byteLength, free } of blocks) {
    if (free) continue;
    const from = (address - start) / cellBytes;
    const to = (address + byteLength - start) / cellBytes;
    const end = Math.min(Math.ceil(to), cells);
    for (let cell = Math.floor(from); cell < end; cell++) {
      used[cell]! += Math.min(to, cell + 1) - Math.max(from, cell);
    }
  }
  return { cells: used, cellBytes };
}

/**
 * Draws a heap map.
 *
 * @param map The map.
 * @param columns Cells in a row.
 * @returns The rows, the lowest addresses first.
 */
export function drawHeap(map: HeapMap, columns: number): string[] {
  const rows: string[] = [];
  for (let start = 0; start < map.cells.length; start += columns) {
    rows.push(Array.from(map.cells.subarray(start, start + columns), shadeOf).join(""));
  }
  return rows;
}

/** Any byte in use shows, and only a full cell is solid: rounding errors of the sum aside. */
function shadeOf(share: number): string {
  const quarters = Math.ceil(share * 4 - 1e-9);
  return HEAP_SHADES[Math.min(Math.max(quarters, 0), 4)]!;
}
