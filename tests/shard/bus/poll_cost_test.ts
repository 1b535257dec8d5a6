/** What a poll looks at does not grow with the peers that are silent. Counted, not timed. */
import { assertEquals } from "@std/assert";
import { RingConsumer } from "../../../shard/bus/spsc_ring.ts";
import { CreditModel } from "./credit_model.ts";

/** Looks at rings that endpoint 1 takes, of so many: with nothing to find, and with one call. */
async function looks(endpoints: number): Promise<{ idle: number; busy: number }> {
  const model = new CreditModel(endpoints);
  const original = RingConsumer.prototype.peek;
  let count = 0;
  RingConsumer.prototype.peek = function (): number {
    count++;
    return original.call(this);
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
    RingConsumer.prototype.peek = original;
  }
}

Deno.test("MessageBus.poll() looks at no ring of a peer that is silent, be they 2 or 60", async () => {
  assertEquals(await looks(2), { idle: 0, busy: 2 }); // the call, and that there is no other
  assertEquals(await looks(60), { idle: 0, busy: 2 });
});
