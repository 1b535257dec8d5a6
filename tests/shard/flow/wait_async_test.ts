/** Waiting for an atomic field: every wait ends, and one that was given up takes no notification away. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { atomicI32, atomicI64, atomicU32, atomicU64, struct } from "../../../allocator/mod.ts";
import { waitAsync } from "../../../shard/mod.ts";

const Words = struct("Words", { a: atomicI32, b: atomicU32, c: atomicU64, d: atomicI64 });

function words() {
  return Words.at(new SharedArrayBuffer(64), 8);
}

Deno.test("waitAsync() ends by notify(), of whichever kind the field is", async () => {
  const { a, b, c, d } = words().assign({ b: 2 ** 32 - 1, c: 2n ** 64n - 1n, d: -5n });
  const waits = [
    waitAsync(a, 0),
    waitAsync(b, 2 ** 32 - 1),
    waitAsync(c, 2n ** 64n - 1n),
    waitAsync(d, -5n),
  ];
  assertEquals([a, b, c, d].map((field) => field.notify()), [1, 1, 1, 1]);
  assertEquals(await Promise.all(waits), ["ok", "ok", "ok", "ok"]);
});

Deno.test("waitAsync() ends at once if the value is another", async () => {
  const { a, b } = words();
  assertEquals(await waitAsync(a, 1), "not-equal");
  assertEquals(await waitAsync(b, 1, { timeoutMs: 0 }), "not-equal");
});

Deno.test("waitAsync() ends at its time, also if nothing else keeps the program alive", async () => {
  const { a } = words();
  assertEquals(await waitAsync(a, 0, { timeoutMs: 0 }), "timed-out");
  assertEquals(await waitAsync(a, 0, { timeoutMs: 5 }), "timed-out");
  const program = `
    import { atomicI32, struct } from ${
    JSON.stringify(import.meta.resolve("../../../allocator/mod.ts"))
  };
    import { waitAsync } from ${JSON.stringify(import.meta.resolve("../../../shard/mod.ts"))};
    const { a } = struct("A", { a: atomicI32 }).at(new SharedArrayBuffer(64), 8);
    console.log(await waitAsync(a, 0, { timeoutMs: 20 }));
    setTimeout(() => a.notify(), 20);
    console.log(await waitAsync(a, 0));
    setTimeout(() => a.notify(), 20);
    console.log(await waitAsync(a, 0, { timeoutMs: 2 ** 40 }));
  `;
  const file = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    await Deno.writeTextFile(file, program);
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-lock", "--allow-all", file],
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    assertEquals(new TextDecoder().decode(stdout), "timed-out\nok\nok\n");
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("waitAsync() rejects with the reason of its signal, before it waits and while it does", async () => {
  const { a } = words();
  const reason = new Error("enough");
  const aborted = AbortSignal.abort(reason);
  assertEquals(await assertRejects(() => waitAsync(a, 0, { signal: aborted })), reason);
  assertEquals(a.notify(), 0); // it has not begun to wait
  const controller = new AbortController();
  const wait = assertRejects(() => waitAsync(a, 0, { signal: controller.signal }));
  controller.abort(reason);
  assertEquals(await wait, reason);
});

Deno.test("a wait that was given up hands the notification that it gets to the next", async () => {
  const { a } = words();
  const controllers = [1, 2, 3].map(() => new AbortController());
  const given = controllers.map(({ signal }) =>
    waitAsync(a, 0, { signal }).catch(() => "given up")
  );
  const short = waitAsync(a, 0, { timeoutMs: 1 });
  const live = waitAsync(a, 0, { timeoutMs: 30_000 });
  controllers.forEach((controller) => controller.abort());
  assertEquals(await Promise.all(given), ["given up", "given up", "given up"]);
  assertEquals(await short, "timed-out");
  a.store(1);
  assertEquals(a.notify(1), 1); // for the first of those that were given up
  assertEquals(await live, "ok");
});

Deno.test("a notification in the same turn as the end of a wait is not lost", async () => {
  const { a } = words();
  const controller = new AbortController();
  const given = waitAsync(a, 0, { signal: controller.signal }).catch(() => "given up");
  const live = waitAsync(a, 0, { timeoutMs: 30_000 });
  assertEquals(a.notify(1), 1);
  controller.abort();
  // Whichever the first one became, one of the two has had the notification.
  if (await given === "ok") a.notify(1);
  assertEquals(await live, "ok");
});

Deno.test("waitAsync() rejects what is of the wrong kind", async () => {
  const { a, d } = words();
  await assertRejects(
    // @ts-expect-error: no number.
    () => waitAsync(a, 0n),
    TypeError,
    "Cannot store 0n in an atomic field (atomicI32): expected a number",
  );
  // @ts-expect-error: no bigint.
  await assertRejects(() => waitAsync(d, 0), TypeError, "(atomicI64): expected a bigint");
  await assertRejects(
    () => waitAsync(a, 0, { timeoutMs: -1 }),
    RangeError,
    "Cannot wait for -1 ms: expected 0 or more",
  );
  await assertRejects(
    () => waitAsync(a, 0, { timeoutMs: "1" as unknown as number }),
    TypeError,
    'Cannot wait for a field for a time that is the text "1": expected milliseconds',
  );
  await assertRejects(
    () => waitAsync(a.load() as unknown as typeof a, 0),
    TypeError,
    "Cannot wait for a field that is of type number: expected an atomic field, such as view.state",
  );
  await assertRejects(
    () => waitAsync(a, 0, { signal: {} as AbortSignal }),
    TypeError,
    "Cannot wait for a field with a signal that is of type object: expected an AbortSignal",
  );
});
