import { Allocator } from "@tidepool/core/allocator";
import { assertEquals } from "@std/assert";
import { Item, itemBytes, USED } from "../../../examples/memcached/item.ts";
import { LruLists, sizeClassOf } from "../../../examples/memcached/lru.ts";

const SLICE_BYTES = 2 ** 20;
const VALUE_BYTES = 100;
const CLASS = sizeClassOf(itemBytes(1, VALUE_BYTES));

class Subject {
  readonly lists: LruLists;
  readonly #allocator: Allocator;

  constructor() {
    const slice = { byteOffset: 0, byteLength: SLICE_BYTES };
    this.#allocator = Allocator.create(new SharedArrayBuffer(SLICE_BYTES), [slice], 0);
    this.lists = new LruLists(this.#allocator);
  }

  add(time = 0, sizeClass = CLASS): number {
    const address = this.#allocator.calloc(1, itemBytes(1, VALUE_BYTES));
    const item = Item.at(this.#allocator, address);
    item.sizeClass = sizeClass;
    item.time = time;
    this.lists.add(address);
    return address;
  }

  use(address: number, time = 0): void {
    const item = Item.at(this.#allocator, address);
    item.state |= USED;
    item.time = time;
  }

  /** Takes the items of a class off their list, in the order in which they would be evicted. */
  evictAll(sizeClass = CLASS): number[] {
    const order: number[] = [];
    for (;;) {
      const address = this.lists.oldestOf(sizeClass);
      if (address === 0) return order;
      this.lists.remove(address);
      order.push(address);
    }
  }
}

Deno.test("LruLists: what was not used goes in the order in which it came", () => {
  const subject = new Subject();
  const [a, b, c] = [subject.add(), subject.add(), subject.add()];
  assertEquals(subject.evictAll(), [a, b, c]);
  assertEquals(subject.lists.counts[CLASS], 0);
});

Deno.test("LruLists: what was used goes behind what was not, however often it was used", () => {
  const subject = new Subject();
  const [a, b, c, d] = [subject.add(), subject.add(), subject.add(), subject.add()];
  for (let i = 0; i < 10; i++) subject.use(a);
  subject.use(c);
  assertEquals(subject.evictAll(), [b, d, a, c]);
});

Deno.test("LruLists: a second chance is one, unless it is used again", () => {
  const subject = new Subject();
  const [a, b] = [subject.add(), subject.add()];
  subject.use(a);
  assertEquals(subject.lists.oldestOf(CLASS), b); // a has had its chance
  const c = subject.add();
  assertEquals(subject.evictAll(), [b, a, c]);
});

Deno.test("LruLists: one goes all the same if all were used, and only so many are passed over", () => {
  const subject = new Subject();
  const items = Array.from({ length: 200 }, () => subject.add());
  for (const item of items) subject.use(item);
  assertEquals(subject.lists.oldestOf(CLASS), items[64]);
  const alone = subject.add(0, 0);
  subject.use(alone);
  assertEquals(subject.evictAll(0), [alone]);
});

Deno.test("LruLists: the class goes first whose next to go was used longest ago", () => {
  const subject = new Subject();
  const hot = subject.add(1, 0);
  subject.add(2, 0);
  subject.add(3, 1);
  subject.use(hot, 9); // stands before an item of its class that is older now
  assertEquals(subject.lists.oldestClass(), 0);
  subject.lists.remove(subject.lists.oldestOf(0));
  assertEquals(subject.lists.oldestClass(), 1);
});
