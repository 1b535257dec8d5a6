/** What the tests of failures that nobody waits for run on shards. */
import {
  defineTasks,
  flush,
  type ForeignPtr,
  localAllocator,
  makeForeign,
  submitTo,
  type Task,
  thisShard,
  UniquePtr,
} from "@tidepool/core";
import { localEndpoint } from "@tidepool/core/shard/unstable-layers";

class Piece {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

interface FailureTasks {
  readonly fail: Task<[n: number], never>;
  readonly failWithPointer: Task<[], never>;
  readonly flushOf: Task<[shard: number, calls: number], string[]>;
  readonly call: Task<[shard: number, calls: number], void>;
  readonly fill: Task<[], void>;
  readonly warn: Task<[text: string], void>;
  readonly warnOfFunction: Task<[], void>;
  readonly open: Task<[name: string], ForeignPtr<Piece>>;
  readonly destroyed: Task<[], string>;
  readonly die: Task<[], void>;
  readonly pass: Task<[], void>;
}

const destroyed: string[] = [];

function open(name: string): ForeignPtr<Piece> {
  return makeForeign(new UniquePtr(new Piece(name), (piece) => void destroyed.push(piece.name)));
}

export const failureTasks: FailureTasks = defineTasks(import.meta.url, {
  fail: (n: number): never => {
    throw new RangeError(`failure ${n} on ${thisShard()}`);
  },
  failWithPointer: (): never => {
    throw Object.assign(new RangeError("with a pointer"), { pointer: open("of a failure") });
  },
  call: async (shard: number, calls: number) => {
    const fail = failureTasks.fail.with({ noReply: true });
    for (let n = 0; n < calls; n++) await submitTo(shard, fail, n);
  },
  /** What a shard's own `flush()` throws: the message, then the texts of the errors. */
  flushOf: async (shard: number, calls: number) => {
    await failureTasks.call.run(shard, calls);
    try {
      await flush();
      return [];
    } catch (error) {
      if (!(error instanceof AggregateError)) return [String(error)];
      return [error.message, ...error.errors.map(String)];
    }
  },
  /** Leaves no memory in this shard's slice. */
  fill: () => {
    for (let bytes = 1 << 16; bytes >= 8; bytes >>= 1) while (localAllocator().malloc(bytes) !== 0);
  },
  warn: (text: string) => localEndpoint().warn(new RangeError(text)),
  /** Warns with something that cannot travel. */
  warnOfFunction: () => {
    localEndpoint().warn(Object.assign(new RangeError("odd"), { cause: () => 0, n: 1 }));
  },
  open,
  destroyed: () => destroyed.splice(0).join(),
  /** The call ends with the shard. */
  die: () => {
    setTimeout(() => {
      throw new Error("dead");
    });
    return new Promise<void>(() => {});
  },
  pass: () => {},
});
