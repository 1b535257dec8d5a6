/** Classes that extend the views of a struct: their methods, and their use as a field type. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  alignOf,
  Allocator,
  array,
  atomicU32,
  f64,
  freeStruct,
  offsetOf,
  pointer,
  sizeOf,
  string,
  struct,
  text,
  u32,
  u8,
  union,
  type ViewOf,
} from "../../../allocator/mod.ts";

const BYTES = 65536;

const OrderFields = struct("OrderFields", { price: f64, quantity: u32 });
class Order extends OrderFields.View {
  get notional(): number {
    return this.price * this.quantity;
  }
  fill(quantity: number): this {
    this.quantity -= quantity;
    return this;
  }
}

class Node extends struct("Node", {
  value: u32,
  next: pointer(() => OrderFields),
  label: string(4),
}).View {
  // A class cannot name itself in what it extends: it follows such a pointer itself.
  get following(): Node | null {
    return this.next === 0 ? null : Node.at(this, this.next);
  }
}

function makeAllocator(): Allocator {
  const slices = [{ byteOffset: 0, byteLength: BYTES }];
  return Allocator.create(new SharedArrayBuffer(BYTES), slices, 0);
}

Deno.test("a class that extends a view adds methods, and makes, finds and moves its views", () => {
  const allocator = makeAllocator();
  const order: Order = Order.make(allocator, { price: 2.5, quantity: 4 });
  assertEquals(order.notional, 10);
  assertEquals(order.fill(2).notional, 5);
  assertEquals(order.toJSON(), { price: 2.5, quantity: 2 }); // fields alone
  const found = Order.at(allocator.buffer, order.address);
  assertEquals(found.notional, 5);
  const moved = Order.view(order);
  assertThrows(() => moved.notional, TypeError, "it has no block yet");
  assertEquals(moved.at(order.address).notional, 5);
  assertEquals(Deno.inspect(moved), "OrderFields { price: 2.5, quantity: 2 }");
  const copy: Order = Order.make(allocator, OrderFields.at(order, order.address));
  assertEquals(copy.assign(order).notional, 5);
  assertEquals(copy.assign({ price: 1 }).notional, 2);
  for (const view of [order, found, moved, copy]) {
    assert(view instanceof Order);
    assert(view instanceof OrderFields);
  }
  assert(!(OrderFields.at(order, order.address) instanceof Order));
  freeStruct(allocator, copy);
  allocator.free(order.address);
  assertEquals(allocator.liveBlocks, 0);
});

Deno.test("a class of views is a field type: nested, pointed to, in arrays and unions", () => {
  const allocator = makeAllocator();
  const Level = struct("Level", {
    best: Order,
    orders: array(Order, 3),
    last: pointer(() => Order),
    either: union("Either", { order: Order, code: u8 }),
  });
  const level = Level.make(allocator, { best: { price: 3, quantity: 1 } });
  assertEquals(level.best.notional, 3);
  level.orders.set(2, level.best);
  level.orders.get(2).fill(1).assign({ quantity: 7 });
  level.last = level.orders.get(2).address;
  assertEquals(level.deref("last")?.notional, 21);
  level.either.assign({ order: level.best });
  assertEquals(level.either.order.notional, 3);
  assertEquals(level.toJSON().orders[2], { price: 3, quantity: 7 });
  assertEquals([...level.orders].map((order) => order.notional), [0, 0, 21]);
  assertEquals(array(Order, 2).make(allocator, [level.best, { price: 1 }]).get(0).notional, 3);
  const pointers = array(pointer(() => Order), 1).make(allocator, [level.last]);
  assertEquals(pointers.deref(0)?.notional, 21);
});

Deno.test("a class of views has the layout of its struct", () => {
  assertEquals([sizeOf(Order), alignOf(Order), offsetOf(Order, "quantity")], [16, 8, 8]);
  assertEquals([Order.kind, Order.byteLength, Order.offsets], ["struct", 16, OrderFields.offsets]);
  assertStrictEquals(Order.fields, OrderFields.fields);
  assertEquals(array(Order, 2).name, "array(Order, 2)");
  assertEquals([sizeOf(OrderFields.View), OrderFields.View.kind], [16, "struct"]);
  assertThrows(
    () => pointer(Order as unknown as () => typeof Order),
    TypeError,
    "Cannot define a pointer to the class Order: expected a function that gives the type",
  );
});

Deno.test("a class of views may extend another, and have fields of its own", () => {
  const allocator = makeAllocator();
  class Traced extends Order {
    readonly seen: number[] = [];
    override fill(quantity: number): this {
      this.seen.push(quantity);
      return super.fill(quantity);
    }
    static named(allocator: Allocator, price: number): Traced {
      return this.make(allocator, { price, quantity: 10 });
    }
  }
  const traced: Traced = Traced.named(allocator, 2);
  traced.fill(1).fill(2);
  assertEquals([traced.seen, traced.notional], [[1, 2], 14]);
  assertEquals(Traced.at(traced, traced.address).seen, []);
  assert(!(Order.at(traced, traced.address) instanceof Traced));
  assert(array(Traced, 1).make(allocator).get(0) instanceof Traced);
});

Deno.test("a class of views keeps a static member of its own in the place of an inherited one", () => {
  class Described extends Order {
    static override readonly kind = "struct";
    static override readonly fields = OrderFields.fields;
    static override readonly offsets = { ...OrderFields.offsets, notional: -1 };
  }
  assertEquals([Described.byteLength, Described.offsets.notional], [16, -1]);
  assertEquals(Described.make(makeAllocator(), { price: 2, quantity: 3 }).notional, 6);
});

Deno.test("a class of views follows a pointer to itself by its own at()", () => {
  const allocator = makeAllocator();
  const last = Node.make(allocator, { value: 2, label: "last" });
  const first = Node.make(allocator, { value: 1, next: last.address });
  assertEquals(first.following?.label, "last");
  assertStrictEquals(last.following, null);
});

Deno.test("a class of views owns what its fields own", () => {
  const allocator = makeAllocator();
  class User extends struct("User", { name: text(), visits: atomicU32 }).View {
    greet(): string {
      this.visits.add(1);
      return `Hello, ${this.name}`;
    }
  }
  const user = User.make(allocator, { name: "Ada" });
  const users = array(User, 2).make(allocator, [user, {}]);
  assertEquals([user.greet(), users.get(0).greet()], ["Hello, Ada", "Hello, Ada"]);
  assertEquals([user.visits.load(), users.get(0).visits.load()], [1, 1]);
  freeStruct(allocator, user);
  freeStruct(allocator, users);
  assertEquals(allocator.liveBlocks, 0);
});

Deno.test("a class of views has no views by new", () => {
  // @ts-expect-error: views come from at(), view() and make().
  const order = new Order();
  assertThrows(
    () => order.price,
    TypeError,
    "Cannot use this view of OrderFields: it has no block",
  );
});

/** Compiles only if the two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends (<T>() => T extends B ? 1 : 2) ? true
  : false;

Deno.test("a class of views is inferred wherever it is a field type", () => {
  const Level = struct("Level", { best: Order, orders: array(Order, 3), to: pointer(() => Order) });
  type View = ViewOf<typeof Level>;
  const all: [
    Same<ViewOf<typeof Order>, Order>,
    Same<View["best"], Order>,
    Same<ReturnType<View["orders"]["get"]>, Order>,
    Same<ReturnType<View["toJSON"]>["best"], { price: number; quantity: number }>,
  ] = [true, true, true, true];
  assertEquals(all.length, 4);
  const level = Level.at(new SharedArrayBuffer(BYTES), 64);
  const to: Order | null = level.deref("to");
  assertStrictEquals(to, null);
  // @ts-expect-error: no such field.
  assertThrows(() => level.best.assign({ amount: 1 }), TypeError);
  // @ts-expect-error: no such field.
  assertThrows(() => level.assign({ best: { amount: 1 } }), TypeError);
  assertThrows(() => {
    // @ts-expect-error: structs are assigned to with assign().
    level.best = level.orders.get(0);
  }, TypeError);
});
