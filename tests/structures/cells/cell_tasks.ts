/** What shards do with SeqCells in tests. */
import {
  array,
  defineTasks,
  f64,
  i32,
  localAllocator,
  string,
  struct,
  type Task,
} from "@tidepool/core";
import { type SeqCell, seqCell, type SeqCellReader } from "@tidepool/core/structures";

const fields = { count: f64, copies: array(i32, 20), name: string(12) };
/** All of whose fields say the same number, if it is whole. */
export const Copies = seqCell("Copies", struct("Copies", fields));

let cell: SeqCell<typeof fields> | undefined;
let peeked: SeqCellReader<typeof fields> | undefined;

function write(count: number): void {
  cell!.update((draft) => {
    draft.count = count;
    const { elements } = draft.copies;
    for (let i = 0; i < elements.length; i++) elements[i] = count;
    draft.name = `n${count}`;
  });
}

/** What a thread has seen that read until there was nothing more to come. */
export interface Seen {
  readonly reads: number;
  readonly values: number;
  readonly torn: number;
  readonly wentBack: number;
}

/** Reads until it has seen `last`. */
export function readUntil(reader: ReturnType<typeof Copies.reader>, last: number): Seen {
  let [reads, values, torn, wentBack, before] = [0, 0, 0, 0, -1];
  while (before < last) {
    const view = reader.view();
    const { count } = view;
    const { elements } = view.copies;
    let isWhole = view.name === `n${count}`;
    for (let i = 0; i < elements.length; i++) isWhole &&= elements[i] === count;
    reads++;
    if (!isWhole) torn++;
    if (count < before) wentBack++;
    if (count !== before) values++;
    before = count;
  }
  return { reads, values, torn, wentBack };
}

interface CellTasks {
  readonly open: Task<[], number>;
  readonly write: Task<[number, number], void>;
  readonly readUntil: Task<[number, number], Seen>;
  readonly follow: Task<[number, number], number[]>;
  readonly dieWriting: Task<[number], void>;
  readonly close: Task<[], void>;
  readonly peek: Task<[number], number>;
  readonly dropPeeked: Task<[], void>;
  readonly wait: Task<[number], number>;
  readonly liveBlocks: Task<[], number>;
}

export const cellTasks: CellTasks = defineTasks(import.meta.url, {
  open(): number {
    cell = Copies.make();
    write(0);
    return cell.address;
  },
  /** Writes the numbers from `first` to `last`. */
  write(first: number, last: number): void {
    for (let count = first; count <= last; count++) write(count);
  },
  readUntil(address: number, last: number): Seen {
    using reader = Copies.reader(address);
    return readUntil(reader, last);
  },
  /** Waits for each value up to `last`; gives those that it saw. */
  async follow(address: number, last: number): Promise<number[]> {
    using reader = Copies.reader(address);
    const seen: number[] = [];
    for (let version = 0; seen.at(-1) !== last;) {
      version = await reader.changed(version);
      seen.push(reader.view().count);
    }
    return seen;
  },
  /** Dies in the middle of a write. */
  dieWriting(count: number): void {
    cell!.update((draft) => {
      draft.count = count;
      draft.copies.set(0, count);
      Deno.exit();
    });
  },
  close(): void {
    cell![Symbol.dispose]();
  },
  /** Reads once, and keeps the reader. */
  peek(address: number): number {
    peeked = Copies.reader(address);
    return peeked.read().count;
  },
  dropPeeked(): void {
    peeked![Symbol.dispose]();
  },
  wait: (address: number): Promise<number> => Copies.reader(address).changed(),
  liveBlocks: (): number => localAllocator().liveBlocks,
});
