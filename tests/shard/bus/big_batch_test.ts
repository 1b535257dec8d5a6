/** What takes long to write and to read is published before the turn ends: two threads work at one time. */
import { assert, assertEquals } from "@std/assert";
import { defineTasks, type Task } from "@tidepool/core";
import { callableOf, findTask } from "../../../shard/calls/task.ts";
import { startEndpoints } from "./endpoints_of_one_thread.ts";

const tasks: { readonly echo: Task<[unknown], unknown> } = defineTasks(import.meta.url, {
  echo: (value: unknown) => {
    onEcho();
    return value;
  },
});
let onEcho = (): void => {};

const LIST = Array.from({ length: 400 }, (_, i) => ({ i, half: i / 2, text: `number ${i}` }));
const CALLS = 3;

Deno.test("calls with long lists go before the turn ends, and so do the replies before the poll does", async () => {
  await findTask(import.meta.url, "echo"); // polls alone do not wait for the module
  const [caller, callee, third] = startEndpoints();
  const calls = [caller.bus.call(1, callableOf(tasks.echo), [LIST])]; // tells which task it is
  const seen: number[] = [];
  // In the same turn, in which a small call would not show.
  for (let call = 1; call < CALLS; call++) {
    calls.push(caller.bus.call(1, callableOf(tasks.echo), [LIST]));
    assert(callee.bus.isBusy());
  }
  onEcho = () => seen.push(caller.bus.poll());
  assertEquals(callee.bus.poll(), CALLS);
  // Within each call the caller has found the reply to the one before it.
  assertEquals(seen, [0, ...new Array(CALLS - 1).fill(1)]);
  assertEquals(caller.bus.poll(), 1);
  assertEquals(await Promise.all(calls), calls.map(() => LIST));
  for (const endpoint of [caller, callee, third]) endpoint.bus.close(new Error("the end"));
});

Deno.test("small calls of a turn go at its end, together", async () => {
  await findTask(import.meta.url, "echo");
  const [caller, callee, third] = startEndpoints();
  onEcho = () => {};
  const first = caller.bus.call(1, callableOf(tasks.echo), [1]); // alone, so it goes at once
  assertEquals(callee.bus.poll(), 1);
  const calls = [2, 3, "four"].map((value) => {
    return caller.bus.call(1, callableOf(tasks.echo), [value]);
  });
  assertEquals(callee.bus.poll(), 0);
  caller.bus.flush();
  assertEquals(callee.bus.poll(), 3);
  assertEquals(caller.bus.poll(), 4);
  assertEquals(await Promise.all([first, ...calls]), [1, 2, 3, "four"]);
  for (const endpoint of [caller, callee, third]) endpoint.bus.close(new Error("the end"));
});
