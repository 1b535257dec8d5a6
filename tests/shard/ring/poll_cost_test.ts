/** What a poll looks at does not grow with the peers that are silent. Counted, not timed. */
import { assertEquals } from "@std/assert";
import { RingConsumer } from "../../../shard/ring/spsc_ring.ts";
import { CreditModel } from "../bus/credit_model.ts";

/** Looks at rings that endpoint 1 takes, of so many: with nothing to find, and with one call. */
async function looks(endpoints: number): Promise<{ idle: number; busy: number }> {
  const model = new CreditModel(endpoints);
  const { peek, looksEmpty } = RingConsumer.prototype;
  let count = 0;
  RingConsumer.prototype.peek = function (): number {
    count++;
    return peek.call(this);
  };
  RingConsumer.prototype.looksEmpty = function (): boolean {
    count++;
    return looksEmpty.call(this);
  };
  try {
    await model.poll(1);
    const idle = count;
    model.call(0, 1, "echo");
    await model.poll(0); // ends the turn in which the call was made
    count = 0;
    await model.poll(1);
    return { idle, busy: count };
  } finally {
    Object.assign(RingConsumer.prototype, { peek, looksEmpty });
  }
}

Deno.test("MessageBus.poll() looks at the rings of 15 other endpoints at most, be they 2 or 60", async () => {
  // A call: that something has come, what, and that there is no other call.
  assertEquals(await looks(2), { idle: 1, busy: 4 });
  assertEquals(await looks(16), { idle: 15, busy: 18 });
  // With more, the first look is one at the marks.
  assertEquals(await looks(17), { idle: 0, busy: 17 });
  assertEquals(await looks(60), { idle: 0, busy: 17 });
});
