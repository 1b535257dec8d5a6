/** What shards do with blocks that were borrowed from them. */
import {
  defineTasks,
  type ForeignPtr,
  localAllocator,
  submitTo,
  type Task,
  thisShard,
} from "@tidepool/core";
import { type ByteReader, chunks, lend, type LentBytes } from "@tidepool/core/foreign";

const held: ForeignPtr<LentBytes>[] = [];

interface LendTasks {
  readonly text: Task<[ForeignPtr<LentBytes>, number?], string>;
  readonly length: Task<[ForeignPtr<LentBytes>], number>;
  readonly textOf: Task<[LentBytes], string>;
  readonly keep: Task<[ForeignPtr<LentBytes>], number>;
  readonly dropHeld: Task<[], void>;
  readonly passTo: Task<[number, ForeignPtr<LentBytes>], string>;
  readonly borrowFrom: Task<[number, string], string>;
  readonly cut: Task<[number, string[], number], string[]>;
  readonly release: Task<[ForeignPtr<LentBytes>], string>;
  readonly fill: Task<[], number>;
  readonly refuse: Task<[ForeignPtr<LentBytes>], void>;
  readonly tick: Task<[], void>;
  readonly exit: Task<[], void>;
}

export const lendTasks: LendTasks = defineTasks(import.meta.url, {
  text(block: ForeignPtr<LentBytes>, byteLength?: number): string {
    using own = block;
    return textOf(own.bytes(byteLength));
  },
  length(block: ForeignPtr<LentBytes>): number {
    using own = block;
    return own.bytes().length;
  },
  textOf: (block: LentBytes): string => textOf(block.bytes()),
  /** Keeps it past the call; gives how many are kept. */
  keep: (block: ForeignPtr<LentBytes>): number => held.push(block),
  dropHeld(): void {
    for (const block of held.splice(0)) block[Symbol.dispose]();
  },
  passTo: (shard: number, block: ForeignPtr<LentBytes>): Promise<string> =>
    submitTo(shard, lendTasks.text, block),
  /** Borrows from another shard, or from this one. */
  async borrowFrom(shard: number, text: string): Promise<string> {
    const block = await lend(shard, text.length);
    new TextEncoder().encodeInto(text, block.bytes());
    return await submitTo(shard, lendTasks.text, block);
  },
  /** Cuts chunks on this shard, for `shard`. */
  async cut(shard: number, parts: string[], chunkBytes: number): Promise<string[]> {
    const texts: string[] = [];
    for await (const chunk of chunks(readerOf(parts), { shard, chunkBytes, ahead: 2 })) {
      texts.push(await submitTo(shard, lendTasks.text, chunk));
    }
    return texts;
  },
  /** Takes the block out of its pointer. */
  release(block: ForeignPtr<LentBytes>): string {
    const own = block.release();
    if (own.get()!.byteLength % 2 === 1) {
      using bare = own.release()!;
      return textOf(bare.bytes());
    }
    using _ = own;
    return textOf(own.get()!.bytes());
  },
  /** Leaves no room in this shard's slice for a block of 1,000 bytes. */
  fill(): number {
    let count = 0;
    while (localAllocator().malloc(1000) !== 0) count++;
    return count;
  },
  refuse(block: ForeignPtr<LentBytes>): void {
    using own = block;
    throw new Error(`shard ${thisShard()} does not count ${own.bytes().length} bytes`);
  },
  tick(): void {},
  exit(): void {
    Deno.exit();
  },
});

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.slice());
}

/** Gives one part at each read. */
export function readerOf(parts: readonly (string | Uint8Array)[]): ByteReader {
  const left = parts.map((part) =>
    typeof part === "string" ? new TextEncoder().encode(part) : part
  );
  return {
    read(bytes: Uint8Array): Promise<number | null> {
      const part = left.shift();
      if (part === undefined) return Promise.resolve(null);
      const fits = part.subarray(0, bytes.length);
      bytes.set(fits);
      if (fits.length < part.length) left.unshift(part.subarray(fits.length));
      return Promise.resolve(fits.length);
    },
  };
}
