/** What shards do with SharedText and SharedBytes in tests. */
import { defineTasks, localAllocator, type Task } from "@tidepool/core";
import { SharedBytes, SharedText } from "@tidepool/core/structures";

const kept: SharedText[] = [];

interface TextTasks {
  readonly make: Task<[string], SharedText>;
  readonly makeBytes: Task<[Uint8Array], SharedBytes>;
  readonly read: Task<[SharedText], string>;
  readonly sum: Task<[SharedBytes], number>;
  readonly keep: Task<[SharedText], void>;
  readonly decodings: Task<[SharedText[]], number>;
  readonly liveBlocks: Task<[], number>;
  readonly fill: Task<[], void>;
  readonly exit: Task<[], void>;
}

export const textTasks: TextTasks = defineTasks(import.meta.url, {
  make: (text: string): SharedText => SharedText.make(text),
  makeBytes: (bytes: Uint8Array): SharedBytes => SharedBytes.make(bytes),
  read(pointer: SharedText): string {
    using own = pointer;
    return SharedText.read(own);
  },
  sum(pointer: SharedBytes): number {
    using own = pointer;
    return SharedBytes.read(own).reduce((sum, byte) => sum + byte, 0);
  },
  keep(pointer: SharedText): void {
    kept.push(pointer);
  },
  /** Reads each three times; gives how often a text was decoded. */
  decodings(pointers: SharedText[]): number {
    const { decode } = TextDecoder.prototype;
    let count = 0;
    TextDecoder.prototype.decode = function (...args): string {
      count++;
      return decode.apply(this, args);
    };
    try {
      for (const pointer of [...pointers, ...pointers, ...pointers]) SharedText.read(pointer);
    } finally {
      TextDecoder.prototype.decode = decode;
      for (const pointer of pointers) pointer[Symbol.dispose]();
    }
    return count;
  },
  liveBlocks: (): number => localAllocator().liveBlocks,
  /** Leaves no room in this shard's slice for a block of 1,000 bytes. */
  fill(): void {
    while (localAllocator().malloc(1000) !== 0);
  },
  exit(): void {
    Deno.exit();
  },
});
