/**
 * A message that cannot be sent leaves everything in it where it was: pointers, buffers, ports and streams,
 * whatever the reason and whichever way it was to go. The error names the path.
 */
import {
  BusyError,
  type ForeignPtr,
  MessageMemoryError,
  type Replicated,
  Runtime,
  ServiceGroup,
  ShardCrashedError,
  type Sharded,
  StoppedError,
  transfer,
} from "@tidepool/core";
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { type Receiver, receiver, refusalTasks, type Target } from "./refusal_tasks.ts";

/** What a message holds that moves: all of it must still be the sender's after a refusal. */
class Cargo {
  readonly buffer = new ArrayBuffer(100);
  readonly #channel = new MessageChannel();
  readonly #stream = ReadableStream.from(["by ", "stream"]);
  readonly pointer: ForeignPtr<Target>;
  readonly spare: ForeignPtr<Target>;

  constructor(pointer: ForeignPtr<Target>, spare: ForeignPtr<Target>) {
    this.pointer = pointer;
    this.spare = spare;
  }

  static async load(runtime: Runtime): Promise<Cargo> {
    const [pointer, spare] = await Promise.all(
      ["cargo", "spare"].map((name) => runtime.submitTo(0, refusalTasks.open, name)),
    );
    return new Cargo(pointer!, spare!);
  }

  /** The arguments that hand all of it over. */
  values(): unknown[] {
    return [
      this.pointer,
      transfer(this.buffer),
      transfer(this.#channel.port2),
      transfer(this.#stream),
    ];
  }

  /** Fails unless all is still here, as far as it shows. */
  assertHere(why: string): void {
    assert(!this.pointer.isNull, `${why}: the pointer has moved`);
    assert(!this.buffer.detached, `${why}: the buffer is detached`);
    assert(!this.#stream.locked, `${why}: the stream has been handed over`);
  }

  /** Sends it, which the port shows to be possible too. */
  async send(call: (...values: unknown[]) => Promise<unknown>): Promise<void> {
    const { port1 } = this.#channel;
    const heard = new Promise((resolve) => port1.onmessage = ({ data }) => resolve(data));
    assertEquals(await call(...this.values()), "100 bytes, by stream");
    assertEquals(await heard, "by the port");
    port1.close();
    await this.spare.destroy();
  }

  async unload(): Promise<void> {
    this.#channel.port1.close();
    await this.#stream.cancel();
    await this.pointer.destroy();
    await this.spare.destroy();
  }
}

function detached(): ArrayBuffer {
  const buffer = new ArrayBuffer(8);
  buffer.transfer();
  return buffer;
}

function usedPort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  structuredClone(port1, { transfer: [port1] }).close();
  return port1;
}

function locked(): ReadableStream {
  const stream = new ReadableStream();
  stream.getReader();
  return stream;
}

function deep(): unknown {
  let value: unknown = 0;
  for (let i = 0; i < 2000; i++) value = [value];
  return value;
}

function throwing(): unknown {
  return {
    get x() {
      throw new SyntaxError("mine");
    },
  };
}

interface Refused {
  /** What stands behind the cargo in the message. */
  readonly make: (cargo: Cargo, runtime: Runtime) => unknown;
  // deno-lint-ignore no-explicit-any -- constructors of any shape.
  readonly kind: new (...args: any[]) => Error;
  /** The message, where `#` is the index of the value. */
  readonly text: string;
}

const handedOver = "as transfer() hands it over already in arguments[1]";

/** Every reason why a value is refused, each behind what could be sent. */
const REFUSED: Readonly<Record<string, Refused>> = {
  "a function": {
    make: () => ({ a: [() => 0] }),
    kind: TypeError,
    text: "Cannot send arguments[#].a[0] as a function",
  },
  "a symbol": {
    make: () => new Map([["k", Symbol()]]),
    kind: TypeError,
    text: 'Cannot send arguments[#].get("k") as a symbol',
  },
  "a Promise": {
    make: () => [Promise.resolve()],
    kind: TypeError,
    text: "Cannot send arguments[#][0] as a Promise",
  },
  "shared memory": {
    make: () => ({ s: new SharedArrayBuffer(8) }),
    kind: TypeError,
    text: "Cannot send arguments[#].s as a SharedArrayBuffer",
  },
  "a hollow object": {
    make: () => ({ u: new URL("a:b") }),
    kind: TypeError,
    text: "Cannot send arguments[#].u as an object of class URL",
  },
  "too deep a value": { make: deep, kind: RangeError, text: "Cannot send arguments[#][0][0]" },
  "a detached buffer": {
    make: () => ({ d: detached() }),
    kind: TypeError,
    text: "Cannot send arguments[#].d as its ArrayBuffer is detached",
  },
  "too much": {
    make: () => new Uint8Array(3e7),
    kind: MessageMemoryError,
    text: "Cannot send a message of 300",
  },
  "the same buffer twice": {
    make: ({ buffer }) => transfer(buffer),
    kind: TypeError,
    text: `Cannot send arguments[#] ${handedOver}`,
  },
  "two views of one buffer": {
    make: ({ buffer }) => transfer(new Uint8Array(buffer, 8)),
    kind: TypeError,
    text: `Cannot send arguments[#] ${handedOver}`,
  },
  "a part by transfer()": {
    make: () => ({ part: transfer(new ArrayBuffer(8)) }),
    kind: TypeError,
    text:
      "Cannot send arguments[#].part as transfer() hands over a whole argument or result, not a part of one",
  },
  "a port handed over before": {
    make: () => transfer(usedPort()),
    kind: TypeError,
    text: "as it cannot be handed over",
  },
  "memory that is not its own": {
    make: () => transfer(new WebAssembly.Memory({ initial: 1 }).buffer),
    kind: TypeError,
    text: "as it cannot be handed over",
  },
  "a locked stream": {
    make: () => transfer(locked()),
    kind: TypeError,
    text: "Cannot send arguments[#] as its stream is locked",
  },
  "a half locked TransformStream": {
    make: () => {
      const stream = new TransformStream();
      stream.writable.getWriter();
      return transfer(stream);
    },
    kind: TypeError,
    text: "Cannot send arguments[#] as its stream is locked",
  },
  "a buffer that was detached since": {
    make: () => {
      const buffer = new ArrayBuffer(8);
      const given = transfer(buffer);
      buffer.transfer();
      return given;
    },
    kind: TypeError,
    text: "Cannot send arguments[#] as its ArrayBuffer is detached",
  },
  "a getter that throws": { make: throwing, kind: SyntaxError, text: "mine" },
  "a getter that sends a pointer of the message away": {
    make: ({ spare }, runtime) => ({
      spare,
      get later() {
        return void runtime.submitTo(1, refusalTasks.drop, spare);
      },
    }),
    kind: TypeError,
    text: "it was moved to endpoint 1 (arguments[#])",
  },
  "a pointer that was moved": {
    make: ({ spare }, runtime) => {
      void runtime.submitTo(1, refusalTasks.drop, spare);
      return { deep: [spare] };
    },
    kind: TypeError,
    text: "it was moved to endpoint 1 (arguments[#].deep[0])",
  },
};

interface Setup {
  readonly runtime: Runtime;
  readonly service: Sharded<Receiver>;
  readonly target: ForeignPtr<Target>;
  readonly value: Replicated<unknown>;
}

/** Every way by which a message with such a cargo may go. */
const WAYS: Readonly<Record<string, (setup: Setup, values: unknown[]) => Promise<unknown>>> = {
  "submitTo()": ({ runtime }, values) => runtime.submitTo(1, refusalTasks.receive, ...values),
  "a call with a timeout": ({ runtime }, values) =>
    runtime.submitTo(1, refusalTasks.receive.with({ timeoutMs: 60_000 }), ...values),
  "Sharded.invokeOn()": ({ service }, values) => service.invokeOn(1, "call", ...values),
  "ForeignPtr.invoke()": ({ target }, values) => target.invoke("call", ...values),
};

/** Runs `run` with a runtime; afterwards no pointer may be lost, or still be held. */
async function withSetup(run: (setup: Setup) => Promise<void>): Promise<void> {
  const warnings: Error[] = [];
  {
    await using runtime = await Runtime.start({
      shards: 3,
      memory: "24MiB",
      hostMemory: "8MiB",
      onCrash: "keep",
      onWarning: (warning) => void warnings.push(warning),
    });
    const service = await runtime.startSharded(receiver);
    await using target = await runtime.submitTo(1, refusalTasks.open, "target");
    const value = await runtime.replicate<unknown>("first");
    await run({ runtime, service, target, value });
  }
  assertEquals(warnings, []);
}

for (const [way, call] of Object.entries(WAYS)) {
  Deno.test(`what ${way} cannot send is still the sender's, whatever the reason`, async () => {
    await withSetup(async (setup) => {
      for (const isFirst of [true, false]) { // without a channel to the shard, and with one
        for (const [what, { make, kind, text }] of Object.entries(REFUSED)) {
          const cargo = await Cargo.load(setup.runtime);
          const before = cargo.values();
          const values = [...before, make(cargo, setup.runtime)];
          const error = await assertRejects(() => call(setup, values), kind);
          const expected = text.replace("#", "4");
          assert(error.message.includes(expected), `${what}: ${error.message}, not ${expected}`);
          assertEquals(values.slice(0, 4), before, what);
          cargo.assertHere(what);
          if (isFirst) await cargo.unload();
          else await cargo.send((...again) => call(setup, again));
        }
      }
    });
  });
}

Deno.test("a change refuses its arguments by the index that its caller knows, and leaves them", async () => {
  await withSetup(async ({ runtime, value }) => {
    for (const [what, { make, kind, text }] of Object.entries(REFUSED)) {
      const cargo = await Cargo.load(runtime);
      const values = [...cargo.values(), make(cargo, runtime)];
      const error = await assertRejects(() => value.update(refusalTasks.update, ...values), kind);
      assert(error.message.includes(text.replace("#", "4")), `${what}: ${error.message}`);
      cargo.assertHere(what);
      await cargo.send(async (...again) => {
        await value.update(refusalTasks.update, ...again);
        return await value.read();
      });
    }
  });
});

Deno.test("what goes to several shards refuses what moves, and leaves it", async () => {
  await withSetup(async ({ runtime, service, value }) => {
    const several: Readonly<Record<string, (given: unknown) => Promise<unknown>>> = {
      "invokeOnAll()": (given) => runtime.invokeOnAll(refusalTasks.drop, given),
      "startSharded()": (given) => runtime.startSharded(receiver, given),
      "Sharded.invokeOnAll()": (given) => service.invokeOnAll("call", given),
      "replicate()": (given) => runtime.replicate(given),
      "Replicated.set()": (given) => value.set(given),
    };
    const cargo = await Cargo.load(runtime);
    for (const [way, call] of Object.entries(several)) {
      const all = [...cargo.values(), { a: 1, pointer: cargo.pointer }, {
        part: transfer(cargo.buffer),
      }];
      for (const given of all) {
        const error = await assertRejects(() => call(given), TypeError, "Cannot send arguments[0]");
        assert(
          /to several shards as|as transfer\(\) hands over/.test(error.message),
          error.message,
        );
        cargo.assertHere(way);
      }
      for (const [what, { make, kind, text }] of Object.entries(REFUSED)) {
        if (what === "too much" || /getter|moved/.test(what) || text.includes("transfer")) continue;
        if (Object.hasOwn(Object(make(cargo, runtime)), "parcel")) continue;
        const error = await assertRejects(() => call(make(cargo, runtime)), kind);
        assert(error.message.includes(text.replace("#", "0")), `${way}, ${what}: ${error.message}`);
      }
    }
    await cargo.send((...values) => runtime.submitTo(1, refusalTasks.receive, ...values));
  });
});

Deno.test("a call that is refused before it is looked at leaves what it holds", async () => {
  await withSetup(async ({ runtime }) => {
    const { receive } = refusalTasks;
    const cargo = await Cargo.load(runtime);
    const refused = async (what: string, call: () => Promise<unknown>, kind: typeof Error) => {
      assertInstanceOf(await call().catch((error) => error), kind, what);
      cargo.assertHere(what);
    };
    const anyError = Error as never;
    await runtime.submitTo(2, refusalTasks.die).catch(() => {});
    await runtime.closed.catch(() => {});
    const dead = () => runtime.submitTo(2, receive, ...cargo.values());
    await refused("a dead shard", dead, ShardCrashedError as never);
    for (const shard of [3, -1, 0.5, NaN]) {
      const call = () => runtime.submitTo(shard, receive, ...cargo.values());
      await refused(`shard ${shard}`, call, RangeError as never);
    }
    const noTask = () => runtime.submitTo(1, "receive" as never, ...cargo.values() as never[]);
    await refused("no task", noTask, TypeError as never);
    const signal = AbortSignal.abort(new Error("given up"));
    const aborted = () => runtime.submitTo(1, receive.with({ signal }), ...cargo.values());
    await refused("an aborted signal", aborted, anyError);
    const group = new ServiceGroup({ maxInFlight: 1, maxWaiting: 0 });
    await group.run(async () => {
      const call = () => runtime.submitTo(1, receive.with({ group }), ...cargo.values());
      await refused("a full group", call, BusyError as never);
    });
    await cargo.send((...values) => runtime.submitTo(1, receive, ...values));
  });
});

Deno.test("a call to a runtime that has been told to stop leaves what it holds", async () => {
  const runtime = await Runtime.start({ shards: 1, memory: "8MiB" });
  const buffer = new ArrayBuffer(8);
  const stopped = runtime.stop();
  const call = () => runtime.submitTo(0, refusalTasks.receive, transfer(buffer));
  await assertRejects(call, StoppedError);
  await stopped;
  await assertRejects(call, StoppedError);
  assert(!buffer.detached);
});

Deno.test("a getter that ends the runtime ends its own call too", async () => {
  const runtime = await Runtime.start({ shards: 1, memory: "8MiB" });
  const buffer = new ArrayBuffer(8);
  const value = {
    get x() {
      runtime.abort();
      return 1;
    },
  };
  await assertRejects(
    () => runtime.submitTo(0, refusalTasks.receive, value, transfer(buffer)),
    StoppedError,
    "The runtime was aborted",
  );
  assert(!buffer.detached);
});

Deno.test("a result that cannot be sent: its pointers end at home, its buffers stay, the caller is told where", async () => {
  await withSetup(async ({ runtime }) => {
    const give = (what: string) => () => runtime.submitTo(1, refusalTasks.give, what);
    await assertRejects(
      give("a function"),
      TypeError,
      "Cannot send the result.deep.bad as a function",
    );
    assertEquals(await runtime.submitTo(1, refusalTasks.destroyed), "p");
    await assertRejects(
      give("a part of transfer()"),
      TypeError,
      "Cannot send the result.deep as transfer() hands over a whole argument or result, not a part",
    );
    assertEquals(await runtime.submitTo(1, refusalTasks.destroyed), "p");
    assertEquals(await runtime.submitTo(1, refusalTasks.stillHere), "8 bytes");
    await assertRejects(
      give("a locked stream"),
      TypeError,
      "Cannot send the result as its stream is locked",
    );
    await assertRejects(give("a getter that throws"), SyntaxError, "mine");
    assertEquals(await runtime.submitTo(1, refusalTasks.destroyed), "p");
  });
});

Deno.test("one transfer() given twice in a call arrives as one object", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "8MiB" });
  const given = transfer(new ArrayBuffer(8));
  assertEquals(await runtime.submitTo(1, refusalTasks.areSame, given, given), true);
});
