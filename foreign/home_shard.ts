/**
 * What a shard does for the pointers to its own objects, wherever they are: it grants copies of them,
 * destroys objects as others ask, takes back what the dead held, and destroys what is left at the end.
 *
 * @module
 */

import { MessageMemoryError } from "../shard/mod.ts";
import type { Endpoint } from "../shard/unstable_layers.ts";
import { GivenAwayTable } from "./given_away_table.ts";
import { GrantedCopies } from "./granted_copies.ts";
import {
  type AnyPointer,
  BackgroundDestructions,
  destructorThrew,
  forgetLender,
  lenderOf,
  type Owned,
  ownedBy,
  takeOwned,
} from "./local/mod.ts";
import { NOBODY, PointerHolders } from "./pointer_holders.ts";
import { STRUCT_UNIT_BYTES, WORD_BYTES } from "./pointer_wire_layout.ts";
import { leaksAmong, lostToCollector } from "./reports.ts";

/** Numbers that name a handle to be destroyed: index, generation, requests for copies. */
export const NUMBERS_PER_HANDLE = 3;

/** A destructor that threw: position in the batch, class of the object, what was thrown, packed. */
export type DestructorFailure = [position: number, className: string, error: Uint8Array];

/** What makes an endpoint a home shard, a part of it. The host has no objects: its table stays empty. */
export class HomeShard {
  /** The whole segment, as int32. */
  readonly segment: Int32Array;
  /** Who holds what. */
  readonly holders: PointerHolders;
  /** Pointers to own objects that are away. */
  readonly givenAway: GivenAwayTable;
  readonly #endpoint: Endpoint;
  readonly #background: BackgroundDestructions;
  readonly #copied = [0];

  constructor(endpoint: Endpoint) {
    const { buffer, layout, shardCount } = endpoint;
    const regions = Array.from({ length: shardCount }, (_, shard) => layout.givenAway(shard));
    const figures = new Float64Array(buffer, 0, layout.controlByteLength >> 3);
    this.#endpoint = endpoint;
    this.#background = endpoint.part(BackgroundDestructions);
    this.segment = new Int32Array(buffer, 0, Math.floor(buffer.byteLength / 4));
    this.holders = new PointerHolders(this.segment, figures, regions);
    this.givenAway = new GivenAwayTable(endpoint.id, this.holders);
    endpoint.whenGone((shard) => this.#takeBackFrom(shard));
  }

  /** OBJECT of pointer_wire_layout.ts. */
  objectWord({ address, number }: Owned<object>): number {
    if (address === 0) return number;
    const { id, layout } = this.#endpoint;
    return (layout.slices[id]!.byteOffset - address) / STRUCT_UNIT_BYTES;
  }

  // ─── Copies ──────────────────────────────────────────────────────────────────────────────────

  /** Opens a copy for the calling endpoint, as it asks. */
  grantCopy(handle: number, generation: number): GrantedCopies {
    const { givenAway } = this;
    const { bus, id } = this.#endpoint;
    try {
      const owned = givenAway.copy(handle, generation, bus.currentCaller!, 1, this.#copied, 0);
      const copied = this.#copied[0]!;
      const copiedGeneration = givenAway.generation(copied);
      return new GrantedCopies(id, -1, copied, this.objectWord(owned), copiedGeneration, 0);
    } catch (error) {
      throw this.#refused(handle, generation, error);
    }
  }

  /** Opens several. */
  grantCopies(handle: number, generation: number, count: number): GrantedCopies {
    const { allocator, bus, id } = this.#endpoint;
    const address = allocator.malloc(count * WORD_BYTES);
    try {
      if (address === 0) {
        const { freeBytes, totalBytes } = allocator.statistics();
        throw new MessageMemoryError(count * WORD_BYTES, freeBytes, totalBytes);
      }
      const { givenAway, segment } = this;
      const at = address / WORD_BYTES;
      const caller = bus.currentCaller!;
      const owned = givenAway.copy(handle, generation, caller, count, segment, at);
      const first = segment[at]!;
      const firstGeneration = givenAway.generation(first);
      this.holders.pass(id, first, firstGeneration, caller, id);
      return new GrantedCopies(id, count, address, this.objectWord(owned), firstGeneration, first);
    } catch (error) {
      allocator.free(address);
      throw this.#refused(handle, generation, error);
    }
  }

  /** Nobody will read copies that were granted: frees their block and the first, if nobody has. */
  takeBackGranted(first: number, generation: number, address: number): void {
    const { allocator, id } = this.#endpoint;
    if (!this.holders.pass(id, first, generation, id, NOBODY)) return;
    allocator.free(address);
    this.end(this.givenAway.seize(first, generation));
  }

  /** A request for copies fails with `error`: a pointer that was destroyed meanwhile waits for it. */
  #refused(handle: number, generation: number, error: unknown): unknown {
    this.#destroy(this.givenAway.heard(handle, generation));
    return error;
  }

  // ─── Destructions ────────────────────────────────────────────────────────────────────────────

  /**
   * Destroys own objects by handle, as other shards ask; null if all went well, else what did not, for
   * which there need not be any memory.
   */
  destroy(numbers: ArrayLike<number>): Uint8Array | null | Promise<Uint8Array | null> {
    const failures: DestructorFailure[] = [];
    const endings: Promise<void>[] = [];
    for (let i = 0; i < numbers.length; i += NUMBERS_PER_HANDLE) {
      const position = i / NUMBERS_PER_HANDLE;
      let owned: Owned<object> | null = null;
      try {
        owned = takeOwned(this.givenAway.take(numbers[i]!, numbers[i + 1]!, numbers[i + 2]!));
        const ending = owned?.destroy();
        if (ending !== undefined) endings.push(this.#awaitEnd(ending, failures, position, owned!));
      } catch (error) {
        this.#fail(failures, position, owned, error);
      }
    }
    const result = () => failures.length === 0 ? null : this.#endpoint.bus.handOver(failures);
    return endings.length === 0 ? result() : Promise.all(endings).then(result);
  }

  async #awaitEnd(
    ending: PromiseLike<void>,
    failures: DestructorFailure[],
    position: number,
    owned: Owned<object>,
  ): Promise<void> {
    try {
      await ending;
    } catch (error) {
      this.#fail(failures, position, owned, error);
    }
  }

  #fail(
    failures: DestructorFailure[],
    position: number,
    owned: Owned<object> | null,
    error: unknown,
  ): void {
    if (owned !== null) this.holders.countFailed(this.#endpoint.id);
    // One that cannot travel must not take the others with it.
    failures.push([position, owned?.className ?? "an object", this.#endpoint.bus.pack(error)]);
  }

  /** Gives a pointer up, and destroys what it owned if it was the last one: in the background. */
  end(pointer: AnyPointer): void {
    this.#destroy(takeOwned(pointer));
  }

  #destroy(owned: Owned<object> | null): void {
    try {
      const ending = owned?.destroy();
      if (ending !== undefined) {
        this.#background.add(ending, (error) => this.#warnOf(owned!, error));
      }
    } catch (error) {
      this.#warnOf(owned!, error);
    }
  }

  #warnOf(owned: Owned<object>, error: unknown): void {
    const { id } = this.#endpoint;
    this.holders.countFailed(id);
    this.#endpoint.warnOf(destructorThrew(owned.className, id), error);
  }

  // ─── What comes home by itself ───────────────────────────────────────────────────────────────

  /** A pointer that is away was lost on `holder`: reports it, and destroys the object. */
  takeLost(handle: number, generation: number, copies: number, holder: number): void {
    const { madeAt } = ownedBy(this.givenAway.get(handle, generation)) ?? {};
    this.endLost(this.givenAway.take(handle, generation, copies), holder, madeAt);
  }

  /** The same of a pointer that is out of the table. */
  endLost(pointer: AnyPointer, holder: number, madeAt: string | undefined): void {
    const { debug, id } = this.#endpoint;
    const owned = takeOwned(pointer);
    this.holders.countLost(id);
    const className = owned?.className;
    this.#endpoint.warn(lostToCollector({ className, owner: id, holder, madeAt, debug }));
    this.#destroy(owned);
  }

  /** Takes back what a dead endpoint held, and destroys it. */
  #takeBackFrom(dead: number): void {
    const { id } = this.#endpoint;
    for (const { owned } of this.givenAway.heldBy(() => true)) {
      // Stored before the look at who holds it: see loans.ts.
      if (owned?.isLent && lenderOf(this.segment, owned.address) === dead) {
        forgetLender(this.segment, owned.address);
      }
    }
    for (const { handle, generation } of this.givenAway.heldBy((holder) => holder === dead)) {
      // It may just have come to somebody else, who was quicker than the news.
      if (!this.holders.pass(id, handle, generation, dead, id)) continue;
      this.end(this.givenAway.seize(handle, generation));
    }
  }

  /** Destroys what others hold to this day: the runtime stops. Null if nothing, else the leaks, packed. */
  async finish(): Promise<Uint8Array | null> {
    const { bus, id } = this.#endpoint;
    const held = [...this.givenAway.heldBy((holder) => holder !== id)];
    for (const { handle, generation } of [...held, ...this.givenAway.lingering()]) {
      this.end(this.givenAway.seize(handle, generation));
    }
    await this.#background.ended();
    return held.length === 0 ? null : bus.handOver(leaksAmong(id, held));
  }
}
