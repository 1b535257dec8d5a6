/** What the table of options calls. */
import {
  type CallOptions,
  defineService,
  defineTasks,
  ServiceGroup,
  submitTo,
  type Task,
  taskSignal,
  thisShard,
  transfer,
} from "@tidepool/core";
import type { Sendable } from "@tidepool/core/shard";

/** How often each was run here, by name. */
const runs = new Map<string, number>();
const gates = new Map<string, PromiseWithResolvers<void>>();

function gate(name: string): PromiseWithResolvers<void> {
  let found = gates.get(name);
  if (found === undefined) gates.set(name, found = Promise.withResolvers<void>());
  return found;
}

/** Counts a run, which ends when its gate is opened or its call given up. */
async function run(name: string): Promise<string> {
  runs.set(name, (runs.get(name) ?? 0) + 1);
  const signal = taskSignal();
  await new Promise<void>((resolve) => {
    signal.addEventListener("abort", () => resolve());
    gate(name).promise.then(resolve);
  });
  return signal.aborted ? `${name} was given up` : name;
}

export class Runner {
  run(name: string): Promise<string> {
    return run(name);
  }
}

export const runners = defineService(import.meta.url, "runners", Runner);

/** Makes a call: `submitTo()` on a shard, that of the runtime on the host. */
type Submit = <Arguments extends readonly unknown[], Result>(
  shard: number,
  task: Task<Arguments, Result>,
  ...args: Sendable<Arguments>
) => Promise<Result>;

/** Ways to give a call up: its options, what is done in the turn in which it is made, and later. */
const ENDS: Record<string, () => [CallOptions, () => void, () => void]> = {
  "aborted before": () => [{ signal: AbortSignal.abort(new Error("enough")) }, () => {}, () => {}],
  "aborted in the same turn": () => {
    const abort = new AbortController();
    return [{ signal: abort.signal }, () => abort.abort(new Error("enough")), () => {}];
  },
  "aborted later": () => {
    const abort = new AbortController();
    return [{ signal: abort.signal }, () => {}, () => abort.abort(new Error("enough"))];
  },
  "timeoutMs 0": () => [{ timeoutMs: 0 }, () => {}, () => {}],
  "timeoutMs 1": () => [{ timeoutMs: 1 }, () => {}, () => {}],
  "timeoutMs 30, a signal that never aborts": () => [
    { timeoutMs: 30, signal: new AbortController().signal },
    () => {},
    () => {},
  ],
};

const GROUP = "waits for its group";

/** What a call does when it is given up: makes it, and says what lets go of what it waited for. */
const STATES: Record<
  string,
  (submit: Submit, own: number, name: string, options: CallOptions) => [
    Promise<unknown>,
    () => void,
  ]
> = {
  "under way": (submit, _, name, options) => [
    submit(1, matrixTasks.run.with(options), name),
    () => {},
  ],
  "to the own shard": (submit, own, name, options) => [
    submit(own, matrixTasks.run.with(options), name),
    () => {},
  ],
  "waits for room": (submit, _, name, options) => {
    const before = submit(1, matrixTasks.pass, name);
    const call = submit(1, matrixTasks.run.with(options), name);
    return [call, () => void submit(2, matrixTasks.openOn, 1, name).then(() => before)];
  },
  "waits for room, without reply": (submit, _, name, options) => {
    const before = submit(1, matrixTasks.pass, name);
    const call = submit(1, matrixTasks.run.with({ ...options, noReply: true }), name);
    return [call, () => void submit(2, matrixTasks.openOn, 1, name).then(() => before)];
  },
  "waits for room, with a buffer to hand over": (submit, _, name, options) => {
    const before = submit(1, matrixTasks.pass, name);
    const buffer = transfer(new ArrayBuffer(8));
    const call = submit(1, matrixTasks.runWith.with(options), name, buffer);
    return [call, () => void submit(2, matrixTasks.openOn, 1, name).then(() => before)];
  },
  [GROUP]: (submit, _, name, options) => {
    const group = new ServiceGroup({ maxInFlight: 1 });
    group.tryAcquire();
    const call = submit(1, matrixTasks.run.with({ ...options, group }), name);
    return [call, () => group.release()];
  },
};

/** Every state with every end: what the caller learnt, and how often the task ran. */
export async function giveUpAll(
  submit: Submit,
  own: number,
  states = Object.keys(STATES),
): Promise<Record<string, string>> {
  const outcomes: Record<string, string> = {};
  for (const state of states) {
    const make = STATES[state]!;
    for (const [end, options] of Object.entries(ENDS)) {
      const name = `${own}: ${state}, ${end}`;
      const [given, now, later] = options();
      const [call, letGo] = make(submit, own, name, given);
      const outcome = call.then(() => "answered", ({ name, message }) => `${name} ${message}`);
      now();
      await submit(2, matrixTasks.runs, name); // a round trip to somebody else
      later();
      const learnt = await outcome;
      letGo();
      const there = state === "to the own shard" ? own : 1;
      const ran = await submit(2, matrixTasks.runsOn, there, name);
      outcomes[`${state}, ${end}`] = `${learnt}, ran ${ran}`;
    }
  }
  return outcomes;
}

export const matrixTasks = defineTasks(import.meta.url, {
  run,
  /** The same with a buffer, handed over and back. */
  runWith: async (name: string, buffer: ArrayBuffer) => {
    await run(name);
    return transfer(buffer);
  },
  /** The same as a change of a replicated value. */
  change: async (value: string, name: string) => value + await run(name),
  pass: (name: string) => gate(name).promise,
  open: (name: string) => gate(name).resolve(),
  /** By another shard: the host's calls to that one may be waiting. */
  openOn: (shard: number, name: string) => submitTo(shard, matrixTasks.open, name),
  runs: (name: string) => runs.get(name) ?? 0,
  runsOn: (shard: number, name: string) => submitTo(shard, matrixTasks.runs, name),
  /** A shard whose calls wait for room asks for it, and is given that of calls which run on. */
  giveUpAll: () => giveUpAll(submitTo, thisShard(), ["under way", "to the own shard", GROUP]),
  fail: (text: string) => {
    throw new RangeError(text);
  },
});
