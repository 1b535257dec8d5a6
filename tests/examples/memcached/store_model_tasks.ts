/** The storage of one shard against a Map, step by step: what it gives is right, or missing. */

import {
  type Allocator,
  defineTasks,
  localAllocator,
  type SharedPtr,
  type Task,
} from "@tidepool/core";
import { checkHeap } from "@tidepool/core/diagnosis";
import { assert, assertEquals } from "@std/assert";
import { HEADER_BYTES, Item, type ItemView } from "../../../examples/memcached/item.ts";
import { hashOf } from "../../../examples/memcached/key_hash.ts";
import * as request from "../../../examples/memcached/request.ts";
import { Request } from "../../../examples/memcached/request.ts";
import { Store } from "../../../examples/memcached/store.ts";
import { SeededRandom } from "../../harness/seeded_random.ts";

/** All that there is. */
export const SLICE_BYTES = 1.5 * 2 ** 20;
/** Where a connection would have the key and the value. */
const LONGEST_VALUE = 100_000;

/** A store, a model of it, and a request. */
class Subject {
  readonly allocator: Allocator = localAllocator();
  readonly bytes: Uint8Array;
  readonly store: Store;
  readonly view: request.RequestView;
  readonly #key: number;
  readonly #value: number;
  readonly model = new Map<string, string>();
  readonly lent: { pointer: SharedPtr<ItemView>; value: string }[] = [];

  constructor() {
    this.bytes = this.allocator.bytes(0, this.allocator.buffer.byteLength);
    this.view = Request.make(this.allocator, {});
    this.#key = this.allocator.malloc(250);
    this.#value = this.allocator.malloc(LONGEST_VALUE);
    this.store = new Store(this.allocator, () => 1_000_000);
  }

  ask(key: string): request.RequestView {
    const { view } = this;
    this.#write(this.#key, key);
    view.keyAddress = this.#key;
    view.keyLength = key.length;
    view.hash = hashOf(this.bytes, this.#key, key.length);
    view.options = 0;
    view.cas = 0;
    view.expiry = 0;
    return view;
  }

  write(key: string, value: string, mode: number): number {
    const view = this.ask(key);
    this.#write(this.#value, value);
    view.mode = mode;
    view.valueAddress = this.#value;
    view.valueLength = value.length;
    return this.store.store(view);
  }

  valueAt(address: number): string {
    const { keyLength, valueLength } = Item.at(this.allocator, address);
    const start = address + HEADER_BYTES + keyLength;
    return String.fromCharCode(...this.bytes.subarray(start, start + valueLength));
  }

  check(): void {
    checkHeap(this.allocator.buffer, this.allocator.slice);
  }

  /** What is there must be what was stored last; what is missing was evicted. */
  expect(key: string, address: number): void {
    if (address === 0) this.model.delete(key);
    else assertEquals(this.valueAt(address), this.model.get(key), key);
  }

  [Symbol.dispose](): void {
    for (const { pointer } of this.lent) pointer[Symbol.dispose]();
    this.store[Symbol.dispose]();
    for (const address of [this.#key, this.#value, this.view.address]) this.allocator.free(address);
  }

  #write(at: number, text: string): void {
    for (let i = 0; i < text.length; i++) this.bytes[at + i] = text.charCodeAt(i);
  }
}

function step(subject: Subject, random: SeededRandom, longest: number, keys: number): void {
  const { store, model, allocator } = subject;
  const key = `${random.below(keys)}`.padStart(random.below(10) === 0 ? 200 : 5, "k");
  const value = `${random.next()},`.repeat(2000).slice(0, random.below(longest + 1));
  switch (random.below(8)) {
    case 0:
    case 1:
    case 2: {
      const outcome = subject.write(key, value, request.MODE_SET);
      if (outcome === request.DONE) model.set(key, value);
      else {
        assertEquals(outcome, request.NO_MEMORY);
        model.delete(key);
      }
      break;
    }
    case 3: {
      const outcome = subject.write(key, value.slice(0, 100), request.MODE_APPEND);
      if (outcome === request.DONE) model.set(key, model.get(key)! + value.slice(0, 100));
      break;
    }
    case 4:
      if (store.remove(subject.ask(key)) === request.DONE) assert(model.has(key));
      model.delete(key);
      break;
    case 5: { // who reads needs memory for the answer; now and then so much that all else must go
      const found = store.get(subject.ask(key));
      const byteLength = random.below(random.below(20) === 0 ? SLICE_BYTES : 20_000);
      const block = allocator.malloc(byteLength);
      if (block !== 0) subject.bytes.fill(33, block, block + byteLength);
      subject.expect(key, found);
      allocator.free(block);
      break;
    }
    case 6: {
      const found = store.get(subject.ask(key));
      if (found === 0 || subject.lent.length >= 10) break;
      subject.lent.push({ pointer: store.lend(found), value: model.get(key)! });
      break;
    }
    default: {
      const index = random.below(10);
      const [lent] = subject.lent.splice(index, 1);
      if (lent === undefined) break;
      assertEquals(subject.valueAt(lent.pointer.get()!.address), lent.value);
      lent.pointer[Symbol.dispose]();
    }
  }
}

/** How to run. */
export interface StoreRun {
  readonly seed: number;
  readonly steps: number;
  /** Bytes of the longest value. */
  readonly longest: number;
  readonly keys: number;
}

interface StoreModelTasks {
  readonly run: Task<[StoreRun], number>;
}

export const storeModelTasks: StoreModelTasks = defineTasks(import.meta.url, {
  /** Runs on this shard; how many items were evicted. */
  run({ seed, steps, longest, keys }: StoreRun): number {
    const random = new SeededRandom(seed);
    using subject = new Subject();
    const { store, model } = subject;
    for (let i = 0; i < steps; i++) {
      step(subject, random, longest, keys);
      if (i % 500 === 0) subject.check();
    }
    for (const key of [...model.keys()]) subject.expect(key, store.get(subject.ask(key)));
    assertEquals(store.items.table.size, model.size);
    subject.check();
    return store.items.counters.evictions;
  },
});
