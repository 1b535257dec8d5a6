import { type Link, LinkedQueue } from "../../../shard/bus/linked_queue.ts";
import { assertEquals } from "@std/assert";
import { withRandom } from "../../harness/seeded_random.ts";

Deno.test("LinkedQueue gives what an array would, also when elements go from its middle", () =>
  withRandom((random) => {
    const queue = new LinkedQueue<number>();
    const model: Link<number>[] = [];
    const out: Link<number>[] = [];
    for (let value = 0; value < 20_000; value++) {
      const choice = random.below(5);
      if (choice < 2) model.push(queue.push(value));
      else if (model.length > 0) {
        const index = choice === 2 ? 0 : random.below(model.length);
        const [link] = model.splice(index, 1) as [Link<number>];
        assertEquals(queue.remove(link), true);
        out.push(link);
      }
      if (out.length > 0) { // once out is out
        assertEquals(queue.remove(out[random.below(out.length)]!), false);
      }
      assertEquals(queue.size, model.length);
      assertEquals(queue.first, model[0]);
    }
  }));
