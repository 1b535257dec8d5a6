/**
 * The credit scheme in every order of turns of two endpoints, requests and replies both ways, over rings
 * of four slots; and in random orders of three. Calls that are answered at once, that call back first,
 * that want no reply, and that end only when they are given up. Nothing may be lost, reordered or stuck,
 * and no record may find its ring full. Mutants of the bus must be caught.
 */
import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import { Caller } from "../../../shard/bus/caller.ts";
import { Credit } from "../../../shard/bus/credit.ts";
import { Notices } from "../../../shard/bus/notices.ts";
import { RingProducer } from "../../../shard/ring/spsc_ring.ts";
import { runSeed, SeededRandom } from "../../harness/seeded_random.ts";
import { CreditModel, SLOTS, type TaskName } from "./credit_model.ts";

type Turn = (model: CreditModel) => Promise<unknown> | void;

const TASKS: readonly TaskName[] = ["echo", "ask", "note", "subscribe"];

/** What an endpoint may do in a turn: two calls of one kind, or look at its rings. */
function turnsOf(endpoint: number, peers: readonly number[], tasks = TASKS): Turn[] {
  return peers.flatMap((to) =>
    tasks.map((task): Turn => (model) => calls(model, endpoint, to, task))
  )
    .concat((model) => model.poll(endpoint));
}

function calls(model: CreditModel, from: number, to: number, task: TaskName): void {
  model.call(from, to, task);
  model.call(from, to, task);
}

/** Plays turns, then lets all settle, gives up what would not end, and settles again. */
async function play(
  turns: readonly Turn[],
  endpoints: number,
): Promise<string> {
  const model = new CreditModel(endpoints);
  for (const turn of turns) await turn(model);
  await model.settle();
  // Calls wait behind those that never end; each round lets the next ones begin.
  for (let round = 0; round < 2 * turns.length && model.faults.length === 0; round++) {
    for (let from = 0; from < endpoints; from++) model.giveUp(from);
    await model.settle();
  }
  return await model.verdict();
}

/** Plays every sequence of `length` turns; the verdicts that are not "", with one sequence each. */
async function playAll(
  length: number,
  tasks: readonly TaskName[] = TASKS,
): Promise<Map<string, string>> {
  const choices = [...turnsOf(0, [1], tasks), ...turnsOf(1, [0], tasks)];
  const verdicts = new Map<string, string>();
  for (const sequence of sequences(choices.length, length)) {
    const verdict = await play(sequence.map((choice) => choices[choice]!), 2);
    if (verdict !== "") verdicts.set(verdict, sequence.join());
  }
  return verdicts;
}

/** Every sequence of so many numbers below `choices`. */
function* sequences(choices: number, length: number): Generator<number[]> {
  for (let n = 0; n < choices ** length; n++) {
    yield Array.from({ length }, (_, i) => Math.floor(n / choices ** i) % choices);
  }
}

Deno.test("two endpoints with rings of four slots get stuck in no order of turns", async () => {
  assertEquals(await playAll(4), new Map());
});

Deno.test("calls that run on without a reply give their credit back as others do, in every order of turns", async () => {
  assertEquals(await playAll(4, ["remind", "ask"]), new Map());
  const runDetached = Credit.prototype.runDetached;
  Credit.prototype.runDetached = Credit.prototype.run;
  try {
    assertGreater((await playAll(3, ["remind", "ask"])).size, 0); // or none of them ran on
  } finally {
    Credit.prototype.runDetached = runDetached;
  }
});

Deno.test("three endpoints with rings of four slots get stuck in no order of turns that chance tries", async () => {
  const seed = runSeed();
  const random = new SeededRandom(seed);
  const choices = [0, 1, 2].flatMap((endpoint) =>
    turnsOf(endpoint, [0, 1, 2].filter((other) => other !== endpoint))
  );
  for (let run = 0; run < 1000; run++) {
    const turns = Array.from({ length: 12 }, () => choices[random.below(choices.length)]!);
    const verdict = await play(turns, 3);
    assertEquals(
      verdict,
      "",
      `run ${run} of seed ${seed}: run it again with TIDEPOOL_SEED=${seed}`,
    );
  }
});

Deno.test("a reply that there is no memory for fails its call, early or late, in every order of turns", async () => {
  let refused = 0;
  const original = Notices.prototype.send;
  Notices.prototype.send = function (...args) {
    try {
      original.apply(this, args);
    } catch (error) {
      refused++;
      throw error;
    }
  };
  try {
    assertEquals(await playAll(4, ["overflow", "ask"]), new Map());
  } finally {
    Notices.prototype.send = original;
  }
  assertGreater(refused, 0); // or no order has had a late reply
});

Deno.test("a late reply that there is no memory for says so by an error", async () => {
  const model = new CreditModel(2);
  calls(model, 0, 1, "overflow");
  calls(model, 1, 0, "overflow");
  await model.settle();
  assertEquals(await model.verdict(), "");
  for (const { reason } of model.calls) {
    assert(reason instanceof Error, String(reason));
    assertStringIncludes(reason.message, "Cannot send a message of");
  }
});

Deno.test("a peer that is gone leaves none of its calls under way, with a reply or without, and the others' all", async () => {
  const model = new CreditModel(3, 64);
  const [bus] = model.buses;
  for (const to of [1, 2]) {
    calls(model, 0, to, "note");
    calls(model, 0, to, "echo");
  }
  bus!.flush();
  assertEquals(bus!.underWay, 8);
  bus!.declareGone(1, new Error("gone"), true);
  assertEquals(bus!.underWay, 4);
  await model.settle();
  assertEquals(bus!.underWay, 0);
  bus!.declareGone(2, new Error("gone"), true);
  assertEquals(bus!.underWay, 0);
});

Deno.test("calls that one after the other fit their slice are sent in every order of turns, and none fails", async () => {
  // Of two there is room for one only, whether it wants a reply or not.
  const BYTES = 20_000;
  const turns: Turn[] = [
    (model) => model.call(0, 1, "note", BYTES),
    (model) => model.call(0, 1, "echo", BYTES),
    (model) => model.poll(0),
    (model) => model.poll(1),
  ];
  let waited = 0;
  for (const sequence of sequences(turns.length, 5)) {
    const model = new CreditModel(2, 64);
    for (const choice of sequence) {
      await turns[choice]!(model);
      if (model.calls.filter(({ outcome }) => outcome === "under way").length > 1) waited++;
    }
    await model.settle();
    assertEquals(await model.verdict(), "", sequence.join());
    for (const { outcome } of model.calls) assertEquals(outcome, "answered", sequence.join());
  }
  assertGreater(waited, 0);
});

/** The verdicts on a bus with one method replaced. */
async function verdictsOnMutant<T extends object, Key extends keyof T>(
  prototype: T,
  key: Key,
  mutant: (original: T[Key]) => T[Key],
): Promise<string[]> {
  const original = prototype[key];
  prototype[key] = mutant(original);
  try {
    return [...(await playAll(3)).keys()];
  } finally {
    prototype[key] = original;
  }
}

function assertCaught(verdicts: readonly string[], text: string): void {
  assert(verdicts.some((verdict) => verdict.includes(text)), verdicts.join("; "));
}

Deno.test("the model fills rings beyond what one side's credit is: a ring of that size would not do", async () => {
  let tooFull = 0;
  await verdictsOnMutant(
    RingProducer.prototype,
    "reserve",
    (original) =>
      function (this: RingProducer): number {
        if ([...this.unread()].length >= SLOTS / 2) tooFull++;
        return original.call(this);
      },
  );
  assertGreater(tooFull, 0);
});

Deno.test("the model catches a caller that forgets what waits", async () => {
  assertCaught(
    await verdictsOnMutant(Caller.prototype, "sendWaiting", () => () => {}),
    "calls never end",
  );
});

Deno.test("the model catches a callee that does not give back the credit of calls without reply", async () => {
  assertCaught(
    await verdictsOnMutant(Notices.prototype, "acknowledge", () => () => {}),
    "for ever",
  );
});

Deno.test("the model catches a caller that does not ask for credit when calls wait in a circle", async () => {
  assertCaught(
    await verdictsOnMutant(Notices.prototype, "askForCredit", () => () => {}),
    "calls never end",
  );
});

Deno.test("the model catches a callee that grants no credit when calls wait in a circle", async () => {
  assertCaught(
    await verdictsOnMutant(Notices.prototype, "grant", () => () => {}),
    "calls never end",
  );
});

Deno.test("the model catches cancellations that wait behind what they are to end", async () => {
  const mayTell = Object.getOwnPropertyDescriptor(Credit.prototype, "mayTell")!;
  const mayCall = Object.getOwnPropertyDescriptor(Credit.prototype, "mayCall")!;
  Object.defineProperty(Credit.prototype, "mayTell", mayCall);
  try {
    assertCaught([...(await playAll(3)).keys()], "calls never end");
  } finally {
    Object.defineProperty(Credit.prototype, "mayTell", mayTell);
  }
});
