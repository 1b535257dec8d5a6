/** Tasks of the test of a runtime in which allocations fail, on the side that calls or that is called. */
import {
  defineTasks,
  type ForeignPtr,
  localAllocator,
  makeForeign,
  SharedPtr,
  submitTo,
  type Task,
} from "@tidepool/core";
import { FailureInjection } from "@tidepool/core/diagnosis";

/** Something to point to. */
export class Note {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }

  read(): string {
    return this.text;
  }
}

/** What came of the calls. */
export interface Outcome {
  /** Of each call that failed, the name of the error. */
  readonly errors: string[];
  /** Whether an allocation of the caller was made to fail. */
  readonly failed: boolean;
}

interface FailedAllocationTasks {
  readonly failAfter: Task<[count: number], void>;
  readonly cancel: Task<[], boolean>;
  readonly callAll: Task<[shard: number, failAfter: number], Outcome>;
  readonly echo: Task<[value: unknown], unknown>;
  readonly open: Task<[text: string], ForeignPtr<Note, "shared">>;
  readonly liveBlocks: Task<[], number>;
}

const VALUES: readonly unknown[] = [
  "x".repeat(300),
  [new Uint8Array(5000).fill(7), new Map([[1, ["y".repeat(999)]]])],
  Array.from({ length: 200 }, (_, i) => i / 3),
];

let injection: FailureInjection | undefined;

/** Starts to count the requests of this shard, and makes one fail. */
function arm(failAfter: number): void {
  injection = new FailureInjection(localAllocator());
  injection.failAfter(failAfter);
}

/** Ends that; whether one was made to fail. */
function disarm(): boolean {
  injection?.cancel();
  return injection?.failed ?? false;
}

export const failedAllocationTasks: FailedAllocationTasks = defineTasks(import.meta.url, {
  failAfter: arm,
  cancel: disarm,
  /** Calls that need memory on both sides. */
  callAll: async (shard: number, failAfter: number): Promise<Outcome> => {
    const errors: string[] = [];
    const attempt = async (run: () => Promise<void>): Promise<void> => {
      try {
        await run();
      } catch (error) {
        errors.push(error instanceof Error ? error.name : String(error));
      }
    };
    if (failAfter !== Infinity) arm(failAfter);
    for (const value of VALUES) {
      await attempt(async () => {
        const echo = await submitTo(shard, failedAllocationTasks.echo, value);
        if (Deno.inspect(echo) !== Deno.inspect(value)) {
          throw new Error("the echo is another value");
        }
      });
    }
    await attempt(async () => {
      await using pointer = await submitTo(shard, failedAllocationTasks.open, "z".repeat(500));
      await using copy = await pointer.copy();
      if (await copy.invoke("read") !== "z".repeat(500)) throw new Error("another text");
    });
    return { errors, failed: failAfter !== Infinity && disarm() };
  },
  /** Behind an await, so that the reply does not lie in the block of its request. */
  echo: async (value: unknown): Promise<unknown> => {
    await undefined;
    return value;
  },
  open: (text: string): ForeignPtr<Note, "shared"> => makeForeign(new SharedPtr(new Note(text))),
  liveBlocks: (): number => {
    const allocator = localAllocator();
    allocator.drainRemoteFrees();
    return allocator.statistics().liveBlocks;
  },
});
