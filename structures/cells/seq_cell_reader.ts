/**
 * How a thread reads a SeqCell of any shard.
 *
 * @module
 */

import type { StructPlain, StructType, StructView } from "../../allocator/mod.ts";
import { type Endpoint, SENT_BY } from "../../shard/unstable_layers.ts";
import { shown, type Tenancy, WORD_BYTES } from "../header/mod.ts";
import { CellLayout, GONE, VALUE_BYTES } from "./cell_layout.ts";
import { CellReader } from "./cell_slots.ts";
import type { SeqCellView } from "./seq_cell.ts";

/** A cell as any shard reads it; made by a `SeqCellType`. */
export class SeqCellReader<Fields extends object> {
  static {
    Object.defineProperty(this.prototype, SENT_BY, { value: "address" });
  }

  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #tenancy: Tenancy;
  readonly #slots: CellReader;
  readonly #currentWord: number;
  readonly #slotsAddress: number;
  readonly #slotBytes: number;
  readonly #view: StructView<Fields>;
  /** The slot that the view is at. */
  #slot = -1;

  /** Made by a `SeqCellType`. */
  constructor(
    endpoint: Endpoint,
    words: Int32Array<SharedArrayBuffer>,
    tenancy: Tenancy,
    type: StructType<Fields>,
  ) {
    const { layout: { endpointCount }, id, buffer } = endpoint;
    const layout = new CellLayout(endpointCount, type.byteLength);
    const { address } = tenancy;
    this.#words = words;
    this.#tenancy = tenancy;
    this.#currentWord = (address + layout.currentBytes) / WORD_BYTES;
    this.#slots = new CellReader(words, this.#currentWord, endpointCount, id);
    this.#slotsAddress = address + layout.slotsBytes;
    this.#slotBytes = layout.slotBytes;
    this.#view = type.at(buffer, this.#slotsAddress + VALUE_BYTES);
  }

  /** Where the cell lies. */
  get address(): number {
    return this.#tenancy.address;
  }

  /**
   * The newest value where it lies: no copy, no garbage. It is the same view each time, and its fields are
   * those of one value, which do not change until this thread calls `view()`, `read()`, `version` or
   * `changed()` again. Some 15 ns where nothing is new.
   *
   * @throws {ShardCrashedError} If the owner has died; StoppedError if the runtime has stopped.
   * @throws {StaleStructureError} If the owner has disposed of the cell.
   */
  view(): SeqCellView<Fields> {
    this.#moveToLatest();
    return this.#view as unknown as SeqCellView<Fields>;
  }

  /** The newest value as a plain object: a copy. Throws what `view()` throws. */
  read(): StructPlain<Fields> {
    this.#moveToLatest();
    return this.#view.toJSON();
  }

  /** How many values the cell has had, the first included. Throws what `view()` throws. */
  get version(): number {
    this.#moveToLatest();
    const word = (this.#slotsAddress + this.#slot * this.#slotBytes) / WORD_BYTES;
    return (this.#words[word]! >>> 0) + this.#words[word + 1]! * 2 ** 32;
  }

  /**
   * Resolves when the cell's version is no longer `version`, to the one that it is then.
   *
   * @param version What was seen; the newest one, unless given.
   * @throws {ShardCrashedError} As a rejection: if the owner dies; StoppedError if the runtime stops.
   * @throws {StaleStructureError} As a rejection: if the cell is disposed of; TypeError if this reader is.
   *
   * @example
   * ```ts
   * import { f64, struct } from "@tidepool/core";
   * import { seqCell } from "@tidepool/core/structures";
   *
   * const Limits = seqCell("Limits", struct("Limits", { perSecond: f64 }));
   * export async function follow(address: number, use: (perSecond: number) => void) {
   *   using limits = Limits.reader(address);
   *   for (let seen = 0;;) {
   *     seen = await limits.changed(seen); // at once the first time
   *     use(limits.view().perSecond);
   *   }
   * }
   * ```
   */
  async changed(version: number = this.version): Promise<number> {
    for (;;) {
      const now = this.version;
      if (now !== version) return now;
      const slot = this.#slot;
      // In the list of those who wait before it says so: see CellWriter.
      const waiting = Atomics.waitAsync(this.#words, this.#currentWord, slot);
      if (!waiting.async || !this.#slots.mayWait(slot)) continue;
      await this.#tenancy.until(waiting.value);
    }
  }

  /** Ends the reading: lets go of the cell's memory, when all who asked for the reader have said so. */
  [Symbol.dispose](): void {
    this.#tenancy.leave();
  }

  #moveToLatest(): void {
    if (this.#tenancy.why !== undefined) throw this.#tenancy.why;
    const slot = this.#slots.latest();
    if (slot === this.#slot) return;
    if (slot < 0) throw this.#fault(slot);
    this.#slot = slot;
    this.#view.at(this.#slotsAddress + slot * this.#slotBytes + VALUE_BYTES);
  }

  #fault(slot: number): Error {
    if (slot === GONE) return this.#tenancy.ended();
    return new Error(
      `Cannot read ${
        shown(this.#tenancy.definition)
      }: its owner wrote it anew each time this thread was about to read it`,
    );
  }
}
