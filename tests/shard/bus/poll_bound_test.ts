/** A poll ends, also where a peer sends as fast as its messages are handled. */
import { assert, assertEquals, assertFalse } from "@std/assert";
import { CreditModel } from "./credit_model.ts";

const SLOTS = 128;
const CALLS = 3000;
/** What a poll handles of one peer. */
const BOUND = 1024;

/** Few enough endpoints to look at each, and so many that arrivals are marked. */
for (const endpoints of [3, 20]) {
  Deno.test(`MessageBus.poll() ends where a peer of ${endpoints - 1} keeps sending`, async () => {
    const model = new CreditModel(endpoints, SLOTS);
    const [flooder, , other] = model.buses;
    const subject = model.buses[1]!;
    let left = CALLS;
    const send = (): void => {
      if (left-- > 0) model.call(0, 1, "echo");
    };
    model.onRun = (endpoint) => {
      if (endpoint !== 1) return;
      flooder!.poll(); // takes the replies that are there, as another thread would
      send();
      flooder!.flush();
    };
    for (let call = 0; call < SLOTS / 2; call++) send();
    model.call(2, 1, "echo");
    flooder!.flush();
    other!.flush();
    assertEquals(subject.poll(), BOUND + 1);
    assertEquals(model.ran[1]![2], [SLOTS / 2], "the other peer was served as well");
    await model.settle();
    assertEquals(await model.verdict(), "");
    assertEquals(model.ran[1]![0]!.length, CALLS);
  });

  Deno.test(`what a poll leaves of ${endpoints} endpoints' messages, the next finds`, async () => {
    const model = new CreditModel(endpoints, 4096);
    const [sender, subject] = model.buses;
    for (let call = 0; call < BOUND + 44; call++) model.call(0, 1, "echo");
    sender!.flush();
    assertEquals(subject!.poll(), BOUND);
    assert(subject!.isBusy());
    assertEquals(subject!.poll(), 44);
    assertFalse(subject!.isBusy());
    await model.settle();
    assertEquals(await model.verdict(), "");
  });
}
