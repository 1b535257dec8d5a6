/**
 * What ends many calls at once takes as long for each of them however many they are: no search through
 * a list, no queue that closes ranks, for every one. Quadratic, eight times as many calls take 64
 * times as long.
 */
import { Gate, Runtime, ServiceGroup } from "@tidepool/core";
import { assert, AssertionError } from "@std/assert";
import { endingTasks, endless } from "./many_endings_tasks.ts";

const FEW = 2_500;
const MANY = 20_000;
const MOST_TIMES_AS_LONG = 12;
/** The shortest time counts: whatever else goes on lengthens others. So this many, or until it is clear. */
const MOST_ROUNDS = 10;
/**
 * Shorter times are taken for this, as a pause of the machine's counts for more in them: what is
 * quadratic takes seconds for as many calls.
 */
const LEAST_MS = 60;
/** Calls that are under way at once; further ones wait. */
const CREDIT = 1_023;

/** Ends so many calls in some way; resolves to how long that took, in milliseconds. */
type End = (runtime: Runtime, calls: number) => Promise<number>;

function start(): Promise<Runtime> {
  return Runtime.start({ shards: 2, memory: "64MiB", spinMicroseconds: 0 });
}

/** `calls` calls of `make`, all of which fail, from what `end` does until all have failed. */
async function timed(
  calls: number,
  make: () => Promise<unknown>,
  end: (() => unknown) | undefined,
  ready: () => Promise<unknown> = () => Promise.resolve(),
): Promise<number> {
  let begin = performance.now();
  const settled = Promise.allSettled(Array.from({ length: calls }, make));
  if (end !== undefined) {
    await ready();
    begin = performance.now();
    end();
  }
  const failed = (await settled).filter(({ status }) => status === "rejected").length;
  const took = performance.now() - begin;
  assert(failed === calls, `${calls - failed} of ${calls} have not failed`);
  return took;
}

/** What `run` gives, while shard 1 reads no message. */
async function whileBlocked<Result>(runtime: Runtime, run: () => Promise<Result>): Promise<Result> {
  const words = new Int32Array(runtime["endpoint"].buffer);
  const latch = await runtime.submitTo(1, endingTasks.makeLatch);
  const blocked = runtime.submitTo(1, endingTasks.block, latch).catch(() => {});
  try {
    return await run();
  } finally {
    Atomics.store(words, latch >> 2, 1);
    await blocked;
  }
}

function withSignal(make: (runtime: Runtime, signal: AbortSignal) => () => Promise<unknown>): End {
  return (runtime, calls) => {
    const all = new AbortController();
    return timed(
      calls,
      make(runtime, all.signal),
      () => all.abort(),
      () => runtime.submitTo(0, endingTasks.nothing),
    );
  };
}

/** Ends that leave the runtime as it was. */
const HARMLESS: Record<string, End> = {
  "a shared signal": withSignal((runtime, signal) => () =>
    runtime.submitTo(1, endingTasks.never.with({ signal }))
  ),
  "a shared signal, calls without reply that wait": withSignal((runtime, signal) => {
    const never = endingTasks.never.with({ signal });
    for (let i = 0; i < CREDIT; i++) runtime.submitTo(1, never).catch(() => {});
    return () => runtime.submitTo(1, endingTasks.nothing.with({ signal, noReply: true }));
  }),
  "a shared signal, calls of a shard to itself": (runtime, calls) =>
    runtime.submitTo(1, endingTasks.giveUpOwn, 1, calls),
  "a shared signal, calls that wait for a group": withSignal((runtime, signal) => {
    const group = new ServiceGroup({ maxInFlight: 1 });
    return () => runtime.submitTo(1, endingTasks.never.with({ signal, group }));
  }),
  "a shared signal, ServiceGroup.run()": withSignal((_, signal) => {
    const group = new ServiceGroup({ maxInFlight: 1 });
    const ended = () => new Promise((_, reject) => signal.addEventListener("abort", reject));
    return () => group.run(ended, { signal });
  }),
  "a signal that has aborted": (runtime, calls) => {
    const task = endingTasks.never.with({ signal: AbortSignal.abort() });
    return timed(calls, () => runtime.submitTo(1, task), undefined);
  },
  "their time is over": (runtime, calls) => {
    const task = endingTasks.never.with({ timeoutMs: 0 });
    return timed(calls, () => runtime.submitTo(1, task), undefined);
  },
  "their time is over, in a group": (runtime, calls) => {
    const group = new ServiceGroup({ maxInFlight: 1 });
    const task = endingTasks.never.with({ timeoutMs: 0, group });
    return timed(calls, () => runtime.submitTo(1, task), undefined);
  },
  "a group with a full queue": (runtime, calls) => {
    const group = new ServiceGroup({ maxInFlight: 1, maxWaiting: 0 });
    using _ = { [Symbol.dispose]: () => group.release() };
    group.tryAcquire();
    return timed(
      calls,
      () => runtime.submitTo(1, endingTasks.nothing.with({ group })),
      undefined,
    );
  },
  "a shard that there is not": (runtime, calls) =>
    timed(calls, () => runtime.submitTo(7, endingTasks.nothing), undefined),
  "a closed gate": (_, calls) => {
    const gate = new Gate();
    gate.close();
    return timed(calls, () => gate.with(() => {}), undefined);
  },
  "arguments that are refused": (runtime, calls) =>
    timed(
      calls,
      () => runtime.submitTo(1, endingTasks.nothing, ...[() => {}] as unknown as []),
      undefined,
    ),
  "a null pointer": async (runtime, calls) => {
    const pointer = await runtime.submitTo(1, endingTasks.open);
    await pointer.destroy();
    return await timed(calls, () => pointer.invoke("wait"), undefined);
  },
  "a pointer that was moved": async (runtime, calls) => {
    const pointer = await runtime.submitTo(1, endingTasks.openShared);
    await runtime.submitTo(0, endingTasks.take, pointer);
    return await timed(calls, () => pointer.copy(), undefined);
  },
};

/** Ends of a runtime or a shard. */
const FATAL: Record<string, End> = {
  "a shared signal, calls of a shard to another": (runtime, calls) =>
    runtime.submitTo(0, endingTasks.giveUpOwn, 1, calls),
  "the shard's death": (runtime, calls) =>
    timed(
      calls,
      () => runtime.submitTo(1, endingTasks.never),
      () => runtime.submitTo(0, endingTasks.closeOther, 1).catch(() => {}),
    ),
  "a shard that is dead": async (runtime, calls) => {
    await runtime.submitTo(1, endingTasks.close).catch(() => {});
    return await timed(calls, () => runtime.submitTo(1, endingTasks.nothing), undefined);
  },
  "abort()": (runtime, calls) =>
    timed(calls, () => runtime.submitTo(1, endingTasks.never), () => runtime.abort()),
  "abort(), calls in a group": (runtime, calls) => {
    const group = new ServiceGroup({ maxInFlight: calls });
    const task = endingTasks.never.with({ group });
    return timed(calls, () => runtime.submitTo(1, task), () => runtime.abort());
  },
  "abort(), methods of a service": async (runtime, calls) => {
    const service = await runtime.startSharded(endless);
    return await timed(calls, () => service.invokeOn(1, "wait"), () => runtime.abort());
  },
  "abort(), methods of an object": async (runtime, calls) => {
    const pointer = await runtime.submitTo(1, endingTasks.open);
    return await timed(calls, () => pointer.invoke("wait"), () => runtime.abort());
  },
  "abort(), copies": async (runtime, calls) => {
    const pointer = await runtime.submitTo(1, endingTasks.openShared);
    return await whileBlocked(
      runtime,
      () => timed(calls, () => pointer.copy(), () => runtime.abort()),
    );
  },
  "abort(), destructions": async (runtime, calls) => {
    const pointer = await runtime.submitTo(1, endingTasks.openShared);
    const copies = await pointer.copy(calls);
    return await whileBlocked(
      runtime,
      () => timed(calls, () => copies.pop()!.destroy(), () => runtime.abort()),
    );
  },
  "the deadline of stop()": (runtime, calls) =>
    timed(
      calls,
      () => runtime.submitTo(1, endingTasks.never),
      () => runtime.stop({ deadlineMs: 0 }),
    ),
  "a runtime that has stopped": async (runtime, calls) => {
    await runtime.stop();
    return await timed(calls, () => runtime.submitTo(1, endingTasks.nothing), undefined);
  },
};

async function checkRatio(end: (calls: number) => Promise<number>): Promise<void> {
  await end(FEW); // loads code
  let few = Infinity;
  let many = Infinity;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    few = Math.min(few, await end(FEW));
    many = Math.min(many, await end(MANY));
    if (many <= MOST_TIMES_AS_LONG * Math.max(few, LEAST_MS)) return;
  }
  throw new AssertionError(
    `${FEW} calls ended in ${few.toFixed(1)} ms, ${MANY} in ${many.toFixed(1)} ms`,
  );
}

Deno.test("what ends calls in great numbers takes as long for each, and leaves the runtime as it was", async (t) => {
  await using runtime = await start();
  for (const [name, end] of Object.entries(HARMLESS)) {
    await t.step(name, () => checkRatio((calls) => end(runtime, calls)));
  }
});

Deno.test("what ends a runtime takes as long for each of its calls", async (t) => {
  for (const [name, end] of Object.entries(FATAL)) {
    await t.step(name, () =>
      checkRatio(async (calls) => {
        const runtime = await Runtime.start({
          shards: 2,
          memory: "64MiB",
          spinMicroseconds: 0,
          onCrash: "keep",
          onWarning: () => {},
        });
        const took = await end(runtime, calls);
        runtime.abort();
        return took;
      }));
  }
});
