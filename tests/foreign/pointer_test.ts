/** UniquePtr and SharedPtr on one thread (shared_ptr_test.cc: test_release), and their destructors. */
import { SharedPtr, UniquePtr } from "@tidepool/core";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";

class Thing {
  destroyed = 0;
  [Symbol.dispose](): void {
    this.destroyed++;
  }
}

Deno.test("UniquePtr destroys its object once", async () => {
  const thing = new Thing();
  const pointer = new UniquePtr(thing);
  assertStrictEquals(pointer.get(), thing);
  pointer[Symbol.dispose]();
  assertEquals([thing.destroyed, pointer.get()], [1, null]);
  pointer[Symbol.dispose]();
  await pointer.destroy();
  assertEquals([thing.destroyed, pointer.release()], [1, null]);
});

Deno.test("UniquePtr.release() gives the object up alive", () => {
  const thing = new Thing();
  {
    using pointer = new UniquePtr(thing);
    assertStrictEquals(pointer.release(), thing);
  }
  assertEquals(thing.destroyed, 0);
});

Deno.test("UniquePtr.destroy() waits for an asynchronous destructor, and passes on what one throws", async () => {
  const order: string[] = [];
  const gate = Promise.withResolvers<void>();
  const slow = new UniquePtr({
    async [Symbol.asyncDispose]() {
      await gate.promise;
      order.push("destroyed");
    },
  });
  const destroying = slow.destroy().then(() => order.push("known"));
  gate.resolve();
  await destroying;
  assertEquals(order, ["destroyed", "known"]);
  const bad = () =>
    new UniquePtr({
      [Symbol.dispose]: () => {
        throw new RangeError("bad");
      },
    });
  await assertRejects(() => bad().destroy(), RangeError, "bad");
  assertThrows(() => bad()[Symbol.dispose](), RangeError, "bad");
});

Deno.test("UniquePtr runs a destructor of its own in place of the object's", () => {
  const thing = new Thing();
  const ended: Thing[] = [];
  new UniquePtr(thing, (each) => void ended.push(each))[Symbol.dispose]();
  assertEquals([thing.destroyed, ended], [0, [thing]]);
});

Deno.test("SharedPtr destroys its object with the last pointer to it", async () => {
  const thing = new Thing();
  const first = new SharedPtr(thing);
  assert(first.owned);
  const second = first.clone();
  const third = second.clone();
  assertEquals([first.useCount, second.useCount, first.owned], [3, 3, false]);
  assertStrictEquals(third.get(), thing);
  first[Symbol.dispose]();
  first[Symbol.dispose](); // a null pointer has no share to give up
  await second.destroy();
  assertEquals([thing.destroyed, third.useCount, first.useCount], [0, 1, 0]);
  third[Symbol.dispose]();
  assertEquals([thing.destroyed, third.get()], [1, null]);
});

Deno.test("SharedPtr.release() gives the object only to the last owner", () => {
  const thing = new Thing();
  const first = new SharedPtr(thing);
  const second = first.clone();
  assertEquals(first.release(), null);
  assertEquals(first.get(), null);
  const unique = second.release();
  assertStrictEquals(unique!.get(), thing);
  assertEquals(second.useCount, 0);
  assertEquals(thing.destroyed, 0);
  unique![Symbol.dispose]();
  assertEquals(thing.destroyed, 1);
});

Deno.test("null pointers do nothing, quietly", async () => {
  const unique = new UniquePtr<Thing>();
  const shared = new SharedPtr<Thing>();
  assertEquals([unique.get(), shared.get(), shared.useCount, shared.owned], [null, null, 0, false]);
  assertEquals([unique.release(), shared.release(), shared.clone().get()], [null, null, null]);
  unique[Symbol.dispose]();
  await Promise.all([unique.destroy(), shared.destroy()]);
});

Deno.test("a destructor that fails later, in a thread that is not a shard, is a rejection that nobody handles", async () => {
  const unhandled = Promise.withResolvers<unknown>();
  const listener = (event: PromiseRejectionEvent): void => {
    event.preventDefault();
    unhandled.resolve(event.reason);
  };
  addEventListener("unhandledrejection", listener, { once: true });
  new UniquePtr({
    [Symbol.asyncDispose]: () => Promise.reject(new RangeError("it resists")),
  })[Symbol.dispose]();
  assertEquals(String(await unhandled.promise), "RangeError: it resists");
});
