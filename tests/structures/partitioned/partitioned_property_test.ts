/** Random operations on a map over all shards, from random endpoints, against a JS Map. */
import { Runtime } from "@tidepool/core";
import { assertEquals } from "@std/assert";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";
import { counts, operate, type Operation, partitionedTasks } from "./partitioned_definitions.ts";

const OPERATIONS = Number(Deno.env.get("TIDEPOOL_OPERATIONS") ?? 1_500);

function keyFrom(random: SeededRandom): string {
  const number = random.below(200);
  return ["", "ä", "日本", "a long key of many more than a few characters "][number % 4]! + number;
}

function operationFrom(random: SeededRandom): Operation {
  const key = keyFrom(random);
  const some = () => Array.from({ length: random.below(12) }, () => keyFrom(random));
  switch (random.below(24)) {
    case 0:
      return ["entries"];
    case 1:
      return ["size"];
    case 2:
      return random.below(20) === 0 ? ["clear"] : ["size"];
    case 3:
    case 4:
      return ["setMany", some().map((one) => [one, random.next()] as const)];
    case 5:
    case 6:
      return ["getMany", some()];
    case 7:
    case 8:
    case 9:
      return ["delete", key];
    case 10:
    case 11:
    case 12:
      return ["takeOne", key];
    case 13:
    case 14:
    case 15:
      return ["add", key, random.next()];
    case 16:
    case 17:
      return ["has", key];
    case 18:
    case 19:
      return ["get", key];
    default:
      return ["set", key, random.below(4)];
  }
}

/** What the operation gives, of a Map. */
function modelled(model: Map<string, number>, operation: Operation): unknown {
  switch (operation[0]) {
    case "set":
      model.set(operation[1], operation[2]);
      return null;
    case "add": {
      const sum = ((model.get(operation[1]) ?? 0) + operation[2]) % 2 ** 32;
      model.set(operation[1], sum);
      return sum;
    }
    case "delete":
      return model.delete(operation[1]);
    case "takeOne": {
      const count = model.get(operation[1]) ?? 0;
      if (count > 1) model.set(operation[1], count - 1);
      else model.delete(operation[1]);
      return count > 1 ? count - 1 : null;
    }
    case "get":
      return model.get(operation[1]) ?? null;
    case "has":
      return model.has(operation[1]);
    case "setMany":
      for (const [key, value] of operation[1]) model.set(key, value);
      return null;
    case "getMany":
      return operation[1].map((key) => model.get(key) ?? null);
    case "clear":
      model.clear();
      return null;
    case "size":
      return model.size;
    case "entries":
      return [...model].sort();
  }
}

Deno.test("whoever asks, the map answers as a Map does", () =>
  withRandom(async (random) => {
    const warnings: Error[] = [];
    {
      await using runtime = await Runtime.start({
        shards: 3,
        memory: "16MiB",
        debugHeap: true,
        onWarning: (warning) => void warnings.push(warning),
      });
      await using map = await counts.start(runtime);
      const model = new Map<string, number>();
      for (let i = 0; i < OPERATIONS; i++) {
        const operation = operationFrom(random);
        const endpoint = random.below(4);
        const answer = endpoint === 3
          ? await operate(map, operation)
          : await runtime.submitTo(endpoint, partitionedTasks.operate, map, operation);
        assertEquals([i, operation, answer], [i, operation, modelled(model, operation)]);
      }
    }
    assertEquals(warnings, []); // no block is left
  }));
