/** The storage of one shard with a clock that the test turns: what is over when, and what counts as used. */

import { Allocator } from "@tidepool/core/allocator";
import { assertEquals, assertNotEquals } from "@std/assert";
import { hashOf } from "../../../examples/memcached/key_hash.ts";
import * as request from "../../../examples/memcached/request.ts";
import { Request } from "../../../examples/memcached/request.ts";
import { Store } from "../../../examples/memcached/store.ts";

const SLICE_BYTES = 2 ** 20;

/** A store at 1,000 seconds past 1970. */
class Subject implements Disposable {
  now = 1000;
  readonly store: Store;
  readonly #allocator: Allocator;
  readonly #bytes: Uint8Array;
  readonly #view: request.RequestView;
  readonly #text: number;

  constructor(shard = 0, shardCount = 1) {
    const slice = { byteOffset: 0, byteLength: SLICE_BYTES };
    this.#allocator = Allocator.create(new SharedArrayBuffer(SLICE_BYTES), [slice], 0);
    this.#bytes = this.#allocator.bytes(0, SLICE_BYTES);
    this.#view = Request.make(this.#allocator, {});
    this.#text = this.#allocator.malloc(1000);
    this.store = new Store(this.#allocator, () => this.now, shard, shardCount);
  }

  /** A request for a key, with a value behind it. */
  ask(key: string, value = ""): request.RequestView {
    const view = this.#view;
    this.#bytes.set(new TextEncoder().encode(key + value), this.#text);
    view.keyAddress = this.#text;
    view.keyLength = key.length;
    view.hash = hashOf(this.#bytes, this.#text, key.length);
    view.valueAddress = this.#text + key.length;
    view.valueLength = value.length;
    view.mode = request.MODE_SET;
    view.options = 0;
    view.program = 0;
    view.cas = 0;
    view.expiry = 0;
    view.flags = 0;
    return view;
  }

  /** Stores, and gives the version. */
  set(key: string, value = "x", expiry = 0): number {
    const view = this.ask(key, value);
    view.expiry = expiry;
    assertEquals(this.store.store(view), request.DONE);
    return view.resultCas;
  }

  has(key: string): boolean {
    return this.store.get(this.ask(key)) !== 0;
  }

  [Symbol.dispose](): void {
    this.store[Symbol.dispose]();
  }
}

Deno.test("Store: an item that is made because it was missing was used when it was made", () => {
  using subject = new Subject();
  const make = (key: string): void => {
    const view = subject.ask(key);
    view.options = request.VIVIFY;
    view.program = request.STEP_VIVIFY;
    view.vivifyExpiry = 0;
    assertNotEquals(subject.store.metaGet(view), 0);
  };
  make("first"); // nothing has been looked for before
  assertEquals(subject.has("first"), true);
  subject.now = 5000;
  make("second");
  const view = subject.ask("second");
  assertNotEquals(subject.store.peek(view), 0);
  assertEquals(view.resultIdle, 0);
});

Deno.test("Store: a flush is at once, or in the second before its delay is over", () => {
  using subject = new Subject();
  subject.set("a");
  subject.store.flush(0);
  subject.set("b");
  assertEquals([subject.has("a"), subject.has("b")], [false, true]);
  subject.store.flush(1);
  assertEquals(subject.has("b"), false);
  subject.now = 2000;
  subject.set("c");
  subject.store.flush(10);
  subject.now = 2008;
  assertEquals(subject.has("c"), true);
  subject.now = 2009;
  assertEquals(subject.has("c"), false);
  subject.now = 2010;
  subject.set("d");
  assertEquals(subject.has("d"), true);
});

Deno.test("Store: a flush that is to come does not bring back what one has flushed", () => {
  using subject = new Subject();
  subject.set("a");
  subject.store.flush(0);
  subject.store.flush(1000);
  assertEquals(subject.has("a"), false);
});

Deno.test("Store: a stale value keeps the time that the item had left", () => {
  using subject = new Subject();
  const old = subject.set("a", "x", 1500);
  const marked = subject.ask("a");
  marked.options = request.INVALIDATE;
  assertEquals(subject.store.remove(marked), request.DONE);
  const view = subject.ask("a", "y");
  view.mode = request.MODE_CAS;
  view.options = request.INVALIDATE;
  view.cas = old;
  view.expiry = 9000;
  assertEquals(subject.store.store(view), request.DONE);
  subject.now = 1499;
  assertEquals(subject.has("a"), true);
  subject.now = 1500;
  assertEquals(subject.has("a"), false);
});

Deno.test("Store: shards count versions so that no two give the same", () => {
  const versions = [0, 1, 2].flatMap((shard) => {
    using subject = new Subject(shard, 3);
    return [subject.set("a"), subject.set("b"), subject.set("a")];
  });
  assertEquals(versions.sort((a, b) => a - b), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
});
