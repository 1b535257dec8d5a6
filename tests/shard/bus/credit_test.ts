/**
 * Both ends of a pair's credit, joined by queues, in every order of events: calls with a reply and
 * without, that end at once or run on, replies on time and late, requests for credit and grants,
 * messages of the bus's own, acknowledgements. A ledger beside them says what each end's credit must be
 * at any time; a queue may never hold more than a ring, and at rest nobody owes anything.
 */
import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { Credit, CreditTotals } from "../../../shard/bus/credit.ts";

/** What lies in a queue. A call and a notice are their sender's own messages, the rest are answers. */
type Message =
  | { readonly kind: "call"; readonly detached: boolean }
  | { readonly kind: "ask" | "notice" | "late" | "reply" }
  | { readonly kind: "ack"; readonly count: number }
  | { readonly kind: "grant"; readonly calls: number; readonly detached: number };

const OWN = ["call", "ask", "notice", "late"];

/** A call that runs on at one end, for the other. */
interface Running {
  readonly detached: boolean;
  /** What `run()` said. */
  readonly since: number;
  /** Whether it holds its caller's credit. */
  holds: boolean;
}

type Verb = {
  [Key in keyof Credit]: Credit[Key] extends (...args: never[]) => unknown ? Key : never;
}[keyof Credit];

/** One end, and what the ledger knows of it. */
class End {
  readonly limit: number;
  readonly credit: Credit;
  readonly totals: CreditTotals = new CreditTotals();
  /** The verbs so far, by which a copy comes to the same credit. */
  readonly done: [Verb, number][] = [];
  /** What it has sent and the other has not read. */
  queue: Message[] = [];
  /** The other's calls that run here. */
  running: Running[] = [];
  /** Messages of the bus's own that wait for credit. */
  waiting: ("ask" | "late")[] = [];
  /** Late replies taken in, whose calls are not over: a part of them is still on its way. */
  ending = 0;
  /** By what its own messages give their credit back: a reply, or an acknowledgement. */
  toBeAnswered = 0;
  toBeAcknowledged = 0;
  runningOn = 0;
  asked = false;
  wanted = false;
  owed = 0;
  /** Calls and notices that it may still make. */
  callsLeft: number;
  noticesLeft: number;

  constructor(limit: number, calls: number, notices: number) {
    this.limit = limit;
    this.credit = new Credit(limit, this.totals);
    this.callsLeft = calls;
    this.noticesLeft = notices;
  }

  copy(): End {
    const copy = new End(this.limit, this.callsLeft, this.noticesLeft);
    for (const [verb, value] of this.done) copy.#perform(verb, value);
    const { queue, running, waiting, ending, toBeAnswered, toBeAcknowledged } = this;
    const { runningOn, asked, wanted, owed } = this;
    return Object.assign(copy, {
      queue: [...queue],
      running: running.map((call) => ({ ...call })),
      waiting: [...waiting],
      ending,
      toBeAnswered,
      toBeAcknowledged,
      runningOn,
      asked,
      wanted,
      owed,
    });
  }

  /** A verb of the credit, with its first argument. */
  do(verb: Exclude<Verb, "regain">, value = 0): number | boolean | void {
    return this.#perform(verb, value);
  }

  regain(calls: number, detached: number): void {
    this.#perform("regain", calls * 100 + detached);
  }

  #perform(verb: Verb, value: number): number | boolean | void {
    this.done.push([verb, value]);
    if (verb === "regain") return this.credit.regain(Math.trunc(value / 100), value % 100);
    return (this.credit[verb] as (value: number) => number | boolean | void)(value);
  }

  get outstanding(): number {
    return this.toBeAnswered + this.toBeAcknowledged;
  }

  /** Names the state, whatever led to it. */
  get key(): unknown {
    const { done: _, credit: __, totals: ___, limit: ____, running, ...ledger } = this;
    return [ledger, running.map(({ detached, holds }) => `${detached} ${holds}`).sort()];
  }
}

/** An event that may happen at one end, and what it does to both. */
interface Event {
  readonly name: string;
  readonly happen: (here: End, there: End) => void;
}

/** What may happen at `here`. */
function eventsAt(here: End, there: End): Event[] {
  const events: Event[] = [];
  const may = (name: string, happen: Event["happen"]) => events.push({ name, happen });
  if (here.callsLeft > 0 && here.credit.mayCall) {
    may("call", (here) => call(here, false));
    may("call without reply", (here) => call(here, true));
  }
  // A call waits, as far as the ledger knows: there is always one more that somebody wants to make.
  if (here.callsLeft > 0 && here.credit.mayAsk) {
    may("ask", (here) => {
      here.do("ask");
      here.asked = true;
      here.waiting.push("ask");
    });
  }
  if (here.noticesLeft > 0 && here.credit.mayTell) {
    may("notice", (here) => {
      here.noticesLeft--;
      tell(here, { kind: "notice" });
    });
  }
  if (here.waiting.length > 0 && here.credit.mayTell) {
    may("send what waits", (here) => tell(here, { kind: here.waiting.shift()! }));
  }
  const message = there.queue[0];
  if (message !== undefined) {
    may(`read ${message.kind}`, (here, there) => read(here, there, false));
    // Another way for the same message: a call may run on, what a late reply hands over may come later.
    if (message.kind === "call" || message.kind === "late") {
      may(`read ${message.kind}, not to its end`, (here, there) => read(here, there, true));
    }
  }
  here.running.forEach((_, index) => may(`end ${index}`, (here) => end(here, index)));
  if (here.ending > 0) {
    may("the rest of a late reply", (here) => {
      here.ending--;
      here.toBeAnswered--;
      here.do("reply");
    });
  }
  if (here.owed > 0) {
    may("acknowledge", (here) => {
      here.queue.push({ kind: "ack", count: here.credit.owedAcks });
      here.owed = 0;
      here.do("settle");
    });
  }
  if (here.credit.mayGrant) may("grant", grant);
  return events;
}

function call(here: End, detached: boolean): void {
  here.callsLeft--;
  here.queue.push({ kind: "call", detached });
  if (detached) here.toBeAcknowledged++;
  else here.toBeAnswered++;
  here.do(detached ? "admitDetached" : "admit");
}

function tell(here: End, message: Message): void {
  here.queue.push(message);
  here.toBeAcknowledged++;
  here.do("admitDetached");
}

function read(here: End, there: End, later: boolean): void {
  const message = there.queue.shift()!;
  switch (message.kind) {
    case "call":
      if (later) {
        const since = here.do(message.detached ? "runDetached" : "run") as number;
        here.running.push({ detached: message.detached, since, holds: true });
      } else if (message.detached) owe(here);
      else here.queue.push({ kind: "reply" });
      break;
    case "ask":
      here.wanted = true;
      here.owed++;
      here.do("want");
      break;
    case "notice":
      owe(here);
      break;
    case "late":
      here.runningOn--;
      here.owed++;
      here.toBeAnswered++;
      here.do("late");
      here.ending++;
      if (later) break;
      here.ending--;
      here.toBeAnswered--;
      here.do("reply");
      break;
    case "reply":
      here.toBeAnswered--;
      here.do("reply");
      break;
    case "ack":
      here.toBeAcknowledged -= message.count;
      here.do("acknowledge", message.count);
      break;
    case "grant":
      here.asked = false;
      here.toBeAnswered -= message.calls;
      here.runningOn += message.calls;
      here.toBeAcknowledged -= message.detached;
      here.regain(message.calls, message.detached);
  }
}

function owe(here: End): void {
  here.owed++;
  here.do("owe");
}

function end(here: End, index: number): void {
  const [{ detached, since, holds }] = here.running.splice(index, 1) as [Running];
  const onTime = here.do(detached ? "endDetached" : "end", since) as boolean;
  assertEquals(onTime, holds, "a call that ends holds credit, or does not");
  if (detached) {
    if (onTime) owe(here);
  } else if (onTime) here.queue.push({ kind: "reply" });
  else here.waiting.push("late");
}

function grant(here: End): void {
  const { credit } = here;
  here.queue.push({ kind: "grant", calls: credit.running, detached: credit.runningDetached });
  here.wanted = false;
  for (const running of here.running) running.holds = false;
  here.do("grant");
}

/** Fails unless the credit is what the ledger says. */
function check(end: End): void {
  const { limit, outstanding, asked, wanted, running, owed } = end;
  const own = end.queue.filter(({ kind }) => OWN.includes(kind)).length;
  assert(own <= limit, `${own} messages of an end's own in a queue`);
  assert(end.queue.length - own <= limit, `${end.queue.length - own} answers in a queue`);
  assert(outstanding - end.ending <= limit, `${outstanding} messages hold credit`);
  const holding = (detached: boolean) =>
    running.filter((call) => call.holds && call.detached === detached).length;
  const { credit, totals } = end.copy(); // to be used up
  assertSame({
    mayCall: credit.mayCall,
    mayTell: credit.mayTell,
    mayAsk: credit.mayAsk,
    mayGrant: credit.mayGrant,
    running: credit.running,
    runningDetached: credit.runningDetached,
    runningOn: credit.runningOn,
    owedAcks: credit.owedAcks,
  }, {
    mayCall: outstanding < limit - 1,
    mayTell: outstanding < limit,
    mayAsk: !asked && outstanding >= limit - 1,
    mayGrant: wanted && holding(false) + holding(true) > 0,
    running: holding(false),
    runningDetached: holding(true),
    runningOn: end.runningOn,
    owedAcks: owed,
  });
  assertEquals(totals.unacknowledged, end.toBeAcknowledged);
  credit.forget();
  assertEquals(totals.unacknowledged, 0, "what a peer that is gone leaves");
  let more = 0;
  for (; credit.mayTell && more <= limit; more++) credit.admit();
  assertEquals(more, Math.max(limit - end.toBeAnswered, 0), "and what is free then");
}

/** Fails unless, with nothing left that may happen, nobody waits for anything. */
function checkAtRest(end: End): void {
  const { outstanding, runningOn, owed, waiting } = end;
  assertEquals({ outstanding, runningOn, owed, waiting }, {
    outstanding: 0,
    runningOn: 0,
    owed: 0,
    waiting: [],
  });
}

interface Exploration {
  states: number;
  readonly events: Set<string>;
}

/** Every order of events of two ends with so many calls and notices each. */
function explore(
  limit: number,
  calls: readonly [number, number],
  notices: readonly [number, number],
): Exploration {
  const found: Exploration = { states: 0, events: new Set() };
  const seen = new Set<string>();
  const open: [End, End][] = [[
    new End(limit, calls[0], notices[0]),
    new End(limit, calls[1], notices[1]),
  ]];
  for (let ends = open.pop(); ends !== undefined; ends = open.pop()) {
    const keys = ends.map(({ key }) => JSON.stringify(key));
    // The ends are alike: who is the first says nothing.
    const key = keys.sort().join();
    if (seen.has(key)) continue;
    seen.add(key);
    for (const end of ends) check(end);
    let more = 0;
    for (const side of [0, 1]) {
      for (const { name, happen } of eventsAt(ends[side]!, ends[1 - side]!)) {
        const next: [End, End] = [ends[0].copy(), ends[1].copy()];
        happen(next[side]!, next[1 - side]!);
        found.events.add(name.replace(/ \d+$/, ""));
        open.push(next);
        more++;
      }
    }
    if (more === 0) { for (const end of ends) checkAtRest(end); }
  }
  found.states = seen.size;
  return found;
}

const ALL_EVENTS = [
  "acknowledge",
  "ask",
  "call",
  "call without reply",
  "end",
  "grant",
  "notice",
  "read ack",
  "read ask",
  "read call",
  "read call, not to its end",
  "read grant",
  "read late",
  "read late, not to its end",
  "read notice",
  "read reply",
  "send what waits",
  "the rest of a late reply",
];

function assertSame(a: object, b: object): void {
  if (JSON.stringify(a) !== JSON.stringify(b)) assertEquals(a, b);
}

/** Small enough for every order, and together with every event. */
const PAIRS: readonly [limit: number, calls: [number, number], notices: [number, number]][] = [
  [2, [1, 1], [1, 1]],
  [2, [2, 1], [0, 0]],
  [3, [3, 0], [0, 0]],
];

for (const [limit, calls, notices] of PAIRS) {
  const what = `${calls.join(" and ")} calls, ${notices.join(" and ")} notices`;
  Deno.test(`Credit of ${limit} messages: no order of ${what} overfills a ring or leaves a debt`, () => {
    const { states, events } = explore(limit, calls, notices);
    assertGreater(states, 1000);
    const expected = ALL_EVENTS.filter((event) => notices[0] > 0 || !event.includes("notice"));
    assertEquals([...events].sort(), expected);
  });
}

Deno.test("the calls of an end that has few are not held up by the last credit, which is kept", () => {
  const credit = new Credit(2, new CreditTotals());
  assertEquals([credit.mayCall, credit.mayTell], [true, true]);
  credit.admit();
  assertEquals([credit.mayCall, credit.mayTell], [false, true]);
  credit.admitDetached();
  assertEquals([credit.mayCall, credit.mayTell], [false, false]);
});

/** Changes of a verb, each of which some order of events must show. */
type Mutants = {
  readonly [Key in Verb]: readonly ((original: Credit[Key]) => Credit[Key])[];
};

const nothing = () => () => 0 as never;
const MUTANTS: Mutants = {
  admit: [nothing],
  admitDetached: [nothing, () => Credit.prototype.admit],
  ask: [nothing],
  reply: [nothing],
  late: [nothing, () => Credit.prototype.owe, () =>
    function (this: Credit) {
      this.regain(-1, 0); // counts again, and owes nothing
    }],
  acknowledge: [nothing, () => Credit.prototype.reply],
  regain: [nothing, (regain) =>
    function (this: Credit, calls) {
      regain.call(this, calls, 0);
    }, (regain) =>
    function (this: Credit, _, detached) {
      regain.call(this, 0, detached);
    }],
  forget: [nothing],
  run: [nothing, () => Credit.prototype.runDetached],
  runDetached: [nothing, () => Credit.prototype.run],
  end: [nothing, () => () => true, () => () => false],
  endDetached: [nothing, () => () => true, () => () => false],
  owe: [nothing],
  settle: [nothing],
  want: [nothing, () => Credit.prototype.owe],
  grant: [nothing],
};

for (const verb of Object.keys(MUTANTS) as Verb[]) {
  Deno.test(`a Credit.${verb}() that does something else is caught`, () => {
    const prototype = Credit.prototype as unknown as Record<Verb, unknown>;
    const original = prototype[verb];
    for (const mutant of MUTANTS[verb] as readonly ((original: unknown) => unknown)[]) {
      prototype[verb] = mutant(original);
      try {
        assertThrows(() => PAIRS.forEach((pair) => explore(...pair)));
      } finally {
        prototype[verb] = original;
      }
    }
  });
}

Deno.test("calls that ran on when credit was given back are late, those that began since are not", () => {
  const credit = new Credit(4, new CreditTotals());
  const before = credit.run();
  const detachedBefore = credit.runDetached();
  credit.want();
  credit.grant();
  const since = credit.run();
  assertEquals([credit.end(before), credit.endDetached(detachedBefore)], [false, false]);
  assertEquals([credit.running, credit.runningDetached], [1, 0]);
  assertEquals([credit.end(since), credit.running], [true, 0]);
});
