/**
 * The tasks of `log_tidepool.ts`, in a module that the shards can import.
 *
 * @module
 */
import {
  array,
  defineTasks,
  type ForeignPtr,
  localAllocator,
  makeForeign,
  struct,
  type Task,
  u8,
  type ViewOf,
} from "@tidepool/core";
import { BLOCK_BYTES, countLines, type LogTotals } from "./log_lines.ts";

/** Memory of a shard, which the host fills. */
export const Block = struct("Block", { bytes: array(u8, BLOCK_BYTES) });
type BlockView = ViewOf<typeof Block>;

interface LogTasks {
  readonly makeBlock: Task<[], ForeignPtr<BlockView>>;
  readonly count: Task<[BlockView, number], LogTotals>;
}

/** What a shard is asked. */
export const logTasks: LogTasks = defineTasks(import.meta.url, {
  makeBlock: () => makeForeign(Block.make(localAllocator())),
  count: (block: BlockView, byteLength: number): LogTotals =>
    countLines(block.bytes.elements, byteLength),
});
