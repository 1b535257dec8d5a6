/**
 * Who holds a structure, and when its memory may be freed. A reader says in the structure's header that it
 * holds it, for as long as it may read there. The owner, when it disposes of the structure, frees the
 * memory once nobody holds it: a thread that has ended holds nothing, nor has one in a later life.
 *
 * That an owner has died, every endpoint hears between two turns of its event loop, before the owner's
 * memory is laid out anew: the host waits until all have said that they have heard. Whoever reads within a
 * turn needs no look at the owner's state, but one at what this thread has heard.
 *
 * @module
 */

import { type Runtime, StoppedError } from "../../shard/mod.ts";
import { type Endpoint, localEndpoint } from "../../shard/unstable_layers.ts";
import { StaleStructureError } from "../readers/mod.ts";
import {
  checkHeader,
  type Definition,
  endHeader,
  HOLDERS_BYTES,
  shown,
  WORD_BYTES,
} from "./structure_header.ts";

/** The endpoint of the runtime, or of the shard that this thread is. */
export function endpointOf(runtime?: Runtime): Endpoint {
  return runtime === undefined ? localEndpoint() : runtime["endpoint"];
}

/** What one endpoint has of one structure, its own or another's, until it lets go. */
export class Tenancy {
  /** Where the structure begins. */
  readonly address: number;
  /** The endpoint whose slice it lies in. */
  readonly owner: number;
  /** What it is. */
  readonly definition: Definition;
  /** Why it can be used no more; undefined while it can. */
  why: Error | undefined;
  /** The object that uses it: one an endpoint, whoever asks. */
  user: object | undefined;
  /** How often it was asked for, and not disposed of. */
  uses = 0;
  readonly #tenancies: Tenancies;
  readonly #waiting = new Set<{ resolve: () => void; reject: (why: Error) => void }>();

  /** Made by {@linkcode Tenancies}. */
  constructor(tenancies: Tenancies, address: number, owner: number, definition: Definition) {
    this.#tenancies = tenancies;
    this.address = address;
    this.owner = owner;
    this.definition = definition;
  }

  /**
   * Resolves when `woken` does, and also when some endpoint is gone, which may be why nothing comes; rejects
   * with `why` when the structure is gone.
   */
  until(woken: Promise<unknown>): Promise<void> {
    if (!this.#tenancies.isOpen) {
      const { kind } = this.definition;
      return Promise.reject(new StoppedError(`Cannot wait for a ${kind}: the runtime has stopped`));
    }
    return new Promise<void>((resolve, reject) => {
      const waiter = { resolve, reject };
      this.#waiting.add(waiter);
      woken.then(() => {
        this.#waiting.delete(waiter);
        resolve();
      }, reject);
    });
  }

  /** Has all who wait look again. */
  wake(): void {
    for (const { resolve } of this.#waiting) resolve();
    this.#waiting.clear();
  }

  /** One of those who asked for it is done; the last lets go. */
  leave(): void {
    if (--this.uses > 0 || this.why !== undefined) return;
    const { kind } = this.definition;
    this.#tenancies.end(
      this,
      new TypeError(`Cannot use this ${kind}: it was disposed of on this thread`),
      true,
    );
  }

  /** The owner has disposed of it: lets go, and gives the error that says so. */
  ended(): Error {
    const { address, definition } = this;
    const why = new StaleStructureError(
      `Cannot use ${shown(definition)} at address ${address}: its owner has disposed of it`,
      this.owner,
    );
    this.#tenancies.end(this, why, true);
    return this.why!;
  }

  /** Told by {@linkcode Tenancies}, once. */
  settle(why: Error): void {
    this.why = why;
    for (const { reject } of this.#waiting) reject(why);
    this.#waiting.clear();
  }
}

/** The structures that one endpoint uses, and those of its own that wait to be freed. A part of it. */
export class Tenancies {
  /** The whole segment. */
  readonly words: Int32Array<SharedArrayBuffer>;
  readonly #endpoint: Endpoint;
  readonly #byAddress = new Map<number, Tenancy>();
  /** Own structures that were disposed of and somebody holds, with what frees their memory. */
  readonly #leaving = new Map<number, () => void>();
  /** Endpoints whose threads have ended, and in which life. */
  readonly #ended = new Map<number, number>();

  constructor(endpoint: Endpoint) {
    const { buffer } = endpoint;
    this.#endpoint = endpoint;
    this.words = new Int32Array(buffer, 0, Math.floor(buffer.byteLength / WORD_BYTES));
    endpoint.whenGone((gone, why, hasEnded) => this.#forget(gone, why, hasEnded));
    endpoint.whenAsleep(() => this.#freeUnheld());
  }

  /** Whether the endpoint takes part in its runtime: false when that has stopped. */
  get isOpen(): boolean {
    return this.#endpoint.bus.open;
  }

  /**
   * Begins to use the structure at an address, or goes on.
   *
   * @throws {TypeError} If the address is not a number, or another structure lies there.
   * @throws {RangeError} If none does.
   * @throws {ShardCrashedError} If its owner is gone.
   */
  open(address: number, definition: Definition): Tenancy {
    const { words } = this;
    const start = `Cannot read ${shown(definition)} at`;
    if (typeof address !== "number") {
      throw new TypeError(
        `${start} a value of type ${typeof address}: expected its address, a number`,
      );
    }
    const { allocator, bus, layout } = this.#endpoint;
    const owner = Number.isInteger(address) ? allocator.owner(address) : -1;
    if (owner < 0) {
      throw new RangeError(`${start} address ${address}: it lies in no slice of this runtime`);
    }
    if (bus.isGone(owner)) throw bus.whyShut(owner);
    const { byteOffset, byteLength } = layout.slices[owner]!;
    checkHeader(words, address, byteOffset + byteLength, definition);
    let tenancy = this.#byAddress.get(address);
    if (tenancy === undefined) {
      tenancy = new Tenancy(this, address, owner, definition);
      this.#byAddress.set(address, tenancy);
      // Tenancies.dispose() ends the header before it looks who holds the structure.
      Atomics.store(words, this.#holderWord(address, this.#endpoint.id), 1 + this.#epochOf());
    }
    tenancy.uses++;
    return tenancy;
  }

  /** Ends a tenancy; `mayWrite` says whether the structure's memory is still there. */
  end(tenancy: Tenancy, why: Error, mayWrite: boolean): void {
    if (tenancy.why !== undefined) return;
    this.#byAddress.delete(tenancy.address);
    tenancy.settle(why);
    // Publishes that all reads there are over; the owner loads the word before it frees the memory.
    if (mayWrite) {
      Atomics.store(this.words, this.#holderWord(tenancy.address, this.#endpoint.id), 0);
    }
  }

  /**
   * An own structure is used no more: frees its memory, now or when nobody holds it.
   *
   * @param free What frees it; the block at its address, unless given.
   */
  dispose(
    address: number,
    free: () => void = () => this.#endpoint.allocator.free(address),
  ): void {
    endHeader(this.words, address);
    this.#byAddress.get(address)?.ended();
    this.#leaving.set(address, free);
    this.#freeUnheld();
  }

  #freeUnheld(): void {
    for (const [address, free] of this.#leaving) {
      if (this.#isHeld(address)) continue;
      this.#leaving.delete(address);
      free();
    }
  }

  #isHeld(address: number): boolean {
    for (let endpoint = 0; endpoint < this.#endpoint.layout.endpointCount; endpoint++) {
      // Tenancies.end() stores 0 behind the last read. Of a life the host counts before it begins, so who
      // sees a word of it sees the count.
      const life = Atomics.load(this.words, this.#holderWord(address, endpoint)) - 1;
      if (life !== this.#endpoint.epochOf(endpoint)) continue;
      if (this.#ended.get(endpoint) !== life) return true;
    }
    return false;
  }

  #forget(gone: number, why: Error, hasEnded: boolean): void {
    if (hasEnded) this.#ended.set(gone, this.#endpoint.epochOf(gone));
    for (const tenancy of [...this.#byAddress.values()]) {
      if (tenancy.owner === gone) this.end(tenancy, why, false);
      else tenancy.wake();
    }
    this.#freeUnheld();
  }

  #holderWord(address: number, endpoint: number): number {
    return (address + HOLDERS_BYTES) / WORD_BYTES + endpoint;
  }

  #epochOf(): number {
    return this.#endpoint.epochOf(this.#endpoint.id);
  }
}
