/**
 * The tasks of a replay: what the host calls on each shard, and what the shards call on each other
 * to hand blocks over. Each shard that runs one of them imports this module once, so the module's
 * own variable is that shard's state.
 *
 * @module
 */
import {
  defineTasks,
  type ForeignPtr,
  localAllocator,
  shardCount,
  submitTo,
  thisShard,
} from "@tidepool/core";
import {
  type HandOverMode,
  type HeldBlock,
  type HomeBlock,
  type ShardFigures,
  ShardReplay,
} from "./shard_replay.ts";

let replay: ShardReplay | undefined;

/** The tasks of a replay, run on the shard they are submitted to. */
export const replayTasks = defineTasks(import.meta.url, {
  /** Starts a new replay on this shard; whatever an earlier one left is forgotten. */
  begin: (mode: HandOverMode, memoryToTry: number): void => {
    replay = new ShardReplay(
      localAllocator(),
      thisShard(),
      shardCount(),
      mode,
      memoryToTry,
      sendBlock,
    );
  },

  /** Runs the next part of this shard's program; see `ShardReplay.run`. */
  run: (program: Uint32Array): Promise<number> => current().run(program),

  /** Takes over a block by its address. */
  receive: (block: number, address: number, byteLength: number): void =>
    current().receive(block, { address, byteLength }),

  /** Takes over a block by the pointer that owns it. */
  receivePointer: (
    block: number,
    address: number,
    byteLength: number,
    pointer: ForeignPtr<HomeBlock>,
  ): void => current().receive(block, { address, byteLength, pointer }),

  /** Publishes the remote frees that this shard still collects. */
  flush: (): void => localAllocator().flushRemoteFrees(),

  /** Frees what other shards published. */
  drain: (): number => localAllocator().drainRemoteFrees(),

  /** Frees what the trace left live here. */
  freeRest: (): Promise<number> => current().freeRest(),

  /** What this shard did so far. */
  figures: (): ShardFigures => current().figures(),

  /** Ends this shard's program because another shard failed. */
  abandon: (reason: string): void => replay?.abandon(reason),
});

function current(): ShardReplay {
  if (replay === undefined) throw new Error(`No replay has begun on shard ${thisShard()}`);
  return replay;
}

/** Moves the pointer where there is one: after this call it belongs to the other shard. */
function sendBlock(shard: number, block: number, held: HeldBlock): Promise<void> {
  const { address, byteLength, pointer } = held;
  if (pointer === undefined) {
    return submitTo(shard, replayTasks.receive, block, address, byteLength);
  }
  return submitTo(shard, replayTasks.receivePointer, block, address, byteLength, pointer);
}
