/** What each shard does in the stress test: random calls, and blocks that others check and free. */
import {
  defineTasks,
  localAllocator,
  shardCount,
  submitTo,
  type Task,
  thisShard,
} from "@tidepool/core";
import { SeededRandom } from "../../harness/seeded_random.ts";

/** A byte that depends on the block and on the place in it. */
function patternAt(address: number, offset: number): number {
  return (address * 31 + offset * 7) & 0xff;
}

interface StormTasks {
  readonly storm: Task<[number, number], number>;
  readonly echo: Task<[unknown], unknown>;
  readonly checkAndFree: Task<[number, number], void>;
  readonly settle: Task<[], number>;
}

export const stormTasks: StormTasks = defineTasks(import.meta.url, {
  /** Makes `calls` random calls with up to 100 under way; returns how many answers were right. */
  storm: async (seed: number, calls: number): Promise<number> => {
    const random = new SeededRandom(seed);
    const allocator = localAllocator();
    let right = 0;
    let made = 0;
    const caller = async () => {
      while (made < calls) {
        made++;
        const to = random.below(shardCount());
        switch (random.below(4)) {
          case 0: { // inside the record
            const n = random.next();
            if (await submitTo(to, stormTasks.echo, n) === n) right++;
            break;
          }
          case 1: { // in a block
            const text = String(random.next()).repeat(random.between(5, 500));
            if (await submitTo(to, stormTasks.echo, text) === text) right++;
            break;
          }
          case 2: { // a failure
            const said = await submitTo(to, stormTasks.checkAndFree, 0, 0)
              .catch((error: Error) => error.message);
            if (said === "Nothing at 0") right++;
            break;
          }
          case 3: { // a block that the other shard frees
            const byteLength = random.between(1, 3000);
            const address = allocator.malloc(byteLength);
            if (address === 0) throw new RangeError(`No memory for ${byteLength} bytes`);
            const bytes = allocator.bytes(address, byteLength);
            for (let i = 0; i < byteLength; i++) bytes[i] = patternAt(address, i);
            await submitTo(to, stormTasks.checkAndFree, address, byteLength);
            right++;
            break;
          }
        }
      }
    };
    await Promise.all(Array.from({ length: 100 }, caller));
    return right;
  },
  echo: (value: unknown): unknown => value,
  checkAndFree: (address: number, byteLength: number): void => {
    if (address === 0) throw new RangeError("Nothing at 0");
    const allocator = localAllocator();
    const bytes = allocator.bytes(address, byteLength);
    for (let i = 0; i < byteLength; i++) {
      if (bytes[i] !== patternAt(address, i)) {
        throw new RangeError(`Shard ${thisShard()} read a wrong byte at ${address} + ${i}`);
      }
    }
    allocator.free(address);
  },
  /** Sends and takes remote frees; returns the blocks that are live. */
  settle: (): number => {
    const allocator = localAllocator();
    allocator.flushRemoteFrees();
    allocator.drainRemoteFrees();
    return allocator.statistics().liveBlocks;
  },
});
