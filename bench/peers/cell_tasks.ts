/** What `compare cells` runs on its shard. */
import { defineTasks, f64, localAllocator, struct, type Task } from "@tidepool/core";
import {
  type SeqCell,
  seqCell,
  type SeqCellType,
  sharedQueue,
  type SharedQueueType,
  sharedVector,
  type SharedVectorType,
} from "@tidepool/core/structures";
import { HandSeqlock, SEQLOCK_BYTES } from "./hand_seqlock.ts";

const fields = { a: f64, b: f64, c: f64, d: f64 };
/** Four numbers, all the same. */
export const Four: SeqCellType<typeof fields> = seqCell("Four", struct("Four", fields));
/** Numbers from 0. */
export const Row: SharedVectorType<typeof f64> = sharedVector("Row", f64);
/** Numbers on their way. */
export const Pipe: SharedQueueType<typeof f64> = sharedQueue("Pipe", {
  element: f64,
  capacity: 1024,
});

/** Who writes. */
export type Writer = "SeqCell" | "seqlock";

let cell: SeqCell<typeof fields> | undefined;
let seqlock: HandSeqlock | undefined;
let row: number[] = [];

interface CellBenchTasks {
  readonly openCell: Task<[], [cell: number, seqlock: number]>;
  readonly write: Task<[Writer, number], number>;
  readonly readFour: Task<[], { a: number; b: number; c: number; d: number }>;
  readonly openRow: Task<[number], number>;
  readonly wholeRow: Task<[], Float64Array>;
  readonly elementOfRow: Task<[number], number>;
  readonly drainPipe: Task<[number, "one" | "many"], number>;
  readonly take: Task<[number], void>;
  readonly takeMany: Task<[number[]], void>;
  readonly taken: Task<[], number>;
}

let sum = 0;

export const cellBench: CellBenchTasks = defineTasks(import.meta.url, {
  openCell(): [number, number] {
    cell = Four.make();
    const address = localAllocator().memalign(SEQLOCK_BYTES, SEQLOCK_BYTES);
    localAllocator().bytes(address, SEQLOCK_BYTES).fill(0);
    seqlock = new HandSeqlock(localAllocator().buffer, address);
    return [cell.address, address];
  },
  /** Writes as fast as it can for so many milliseconds; gives the nanoseconds of one. */
  write(writer: Writer, milliseconds: number): number {
    let writes = 0;
    const begin = performance.now();
    do {
      for (let turn = 0; turn < 1000; turn++) {
        writes++;
        if (writer === "seqlock") seqlock!.write(writes);
        else {
          cell!.update((draft) => {
            draft.a =
              draft.b =
              draft.c =
              draft.d =
                writes;
          });
        }
      }
    } while (performance.now() - begin < milliseconds);
    return (performance.now() - begin) * 1e6 / writes;
  },
  readFour: () => cell!.read(),
  openRow(length: number): number {
    row = Array.from({ length }, (_, i) => i);
    const vector = Row.make();
    vector.pushMany(row);
    return vector.address;
  },
  wholeRow: (): Float64Array => Float64Array.from(row),
  elementOfRow: (index: number): number => row[index]!,
  /** The sum of what comes through a queue until it is closed. */
  async drainPipe(address: number, way: "one" | "many"): Promise<number> {
    using pipe = Pipe.consumer(address);
    let sum = 0;
    if (way === "one") { for await (const value of pipe) sum += value; }
    else {
      for (;;) {
        const values = await pipe.popMany(256);
        if (values.length === 0) break;
        for (const value of values) sum += value;
      }
    }
    return sum;
  },
  take(value: number): void {
    sum += value;
  },
  takeMany(values: number[]): void {
    for (const value of values) sum += value;
  },
  /** The sum of what was taken since this was asked last. */
  taken(): number {
    const before = sum;
    sum = 0;
    return before;
  },
});
