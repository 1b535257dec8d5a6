import { Gate, GateClosedError } from "@tidepool/core";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";

Deno.test("Gate.close() of an empty gate resolves, and nobody enters after it", async () => {
  const gate = new Gate();
  assert(!gate.isClosed);
  await gate.close();
  assert(gate.isClosed);
  assertEquals(gate.tryEnter(), false);
  for (const enter of [() => gate.enter(), () => gate.check(), () => gate.hold()]) {
    assertThrows(
      enter,
      GateClosedError,
      "Cannot enter the gate: it is closed, with 0 still inside",
    );
  }
  assertEquals(gate.count, 0);
});

Deno.test("Gate.close() waits until all have left", async () => {
  const gate = new Gate();
  gate.enter();
  assert(gate.tryEnter());
  const steps: string[] = [];
  const closed = gate.close().then(() => steps.push("closed"));
  assertThrows(() => gate.enter(), GateClosedError, "closed, with 2 still inside");
  gate.leave();
  await Promise.resolve();
  steps.push("one left");
  gate.leave();
  await closed;
  assertEquals(steps, ["one left", "closed"]);
});

Deno.test("Gate.close() gives the same promise every time", async () => {
  const gate = new Gate();
  gate.enter();
  const first = gate.close();
  assertStrictEquals(gate.close(), first);
  gate.leave();
  assertStrictEquals(gate.close(), first);
  await first;
});

Deno.test("Gate.leave() of an empty gate throws, and leaves it usable", async () => {
  const gate = new Gate();
  assertThrows(() => gate.leave(), RangeError, "nobody is inside, expected an enter() before");
  gate.enter();
  gate.leave();
  await gate.close();
});

Deno.test("Gate.hold() leaves once, however often it is disposed of", async () => {
  const gate = new Gate();
  gate.enter();
  {
    using holder = gate.hold();
    assertEquals(gate.count, 2);
    holder[Symbol.dispose]();
    assertEquals(gate.count, 1);
  }
  assertEquals(gate.count, 1);
  gate.leave();
  await gate.close();
});

Deno.test("Gate.with() runs inside, and leaves when the work has ended either way", async () => {
  const gate = new Gate();
  const work = Promise.withResolvers<number>();
  const result = gate.with(() => work.promise);
  const failed = gate.with(() => {
    throw new TypeError("at once");
  });
  await assertRejects(() => failed, TypeError, "at once");
  assertEquals(gate.count, 1);
  const closed = gate.close();
  work.resolve(7);
  await closed;
  assertEquals(await result, 7);
  assertEquals(gate.count, 0);
});

Deno.test("Gate.with() of a closed gate does not run", async () => {
  const gate = new Gate();
  await gate.close();
  let ran = false;
  await assertRejects(() => gate.with(() => void (ran = true)), GateClosedError);
  assertEquals(ran, false);
});
