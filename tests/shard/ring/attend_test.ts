import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import { Spinner } from "../../../shard/ring/spinner.ts";
import { attend, type Attended, Doorbells } from "../../../shard/ring/wait_strategy.ts";

/** An endpoint of two, the messages that lie there for it, and what it does. */
class Subject implements Attended {
  readonly words = new Int32Array(new SharedArrayBuffer(8));
  readonly doorbells = new Doorbells(this.words, [0, 1], 0);
  readonly peer = new Doorbells(this.words, [0, 1], 1);
  readonly awaitsReply = false;
  open = true;
  sleeps = 0;
  handled = 0;
  messages = 0;
  /** What a message sets in motion. */
  onMessage = (): void => {};
  /** A sleep does not keep an event loop going; whatever a shard lives for does. */
  readonly #living = setInterval(() => {}, 1000);
  readonly attended: Promise<void>;
  /** Called at each exact look before a sleep. */
  onLastLook = (): void => {};

  constructor(spinner: Spinner = new Spinner(0, false)) {
    this.attended = attend(this, this.doorbells, spinner);
  }

  poll(): number {
    const count = this.messages;
    this.messages = 0;
    for (let i = 0; i < count; i++) this.onMessage();
    this.handled += count;
    return count;
  }

  looksBusy(): boolean {
    return this.messages > 0;
  }

  isBusy(): boolean {
    this.onLastLook();
    return this.messages > 0;
  }

  maySpin(): boolean {
    return true;
  }

  sleeping(asleep: boolean): void {
    if (asleep) this.sleeps++;
  }

  /** Sends it a message from the peer; true if it had to be woken for it. */
  send(): boolean {
    this.messages++;
    return this.peer.ring(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.open = false;
    this.doorbells.ringSelf();
    await this.attended;
    clearInterval(this.#living);
  }
}

/** A Spinner that does as it is told, and counts. */
class ToldSpinner extends Spinner {
  spins = 0;
  blocks = 0;
  ends = 0;
  /** What a spin's only step says. */
  onSpin = (): "seen" | "over" => "over";
  /** What blocking does, and whether it was rung. */
  onBlock = (): boolean => false;

  constructor() {
    super(0, false);
  }

  override step(): "seen" | "over" {
    this.spins++;
    return this.onSpin();
  }

  override block(): boolean {
    this.blocks++;
    return this.onBlock();
  }

  override end(): void {
    this.ends++;
  }
}

function eventLoopTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

Deno.test("attend() handles what comes, and sleeps in between", async () => {
  await using subject = new Subject();
  for (let message = 1; message <= 3; message++) {
    await eventLoopTurn();
    assertEquals(subject.sleeps, message);
    assertEquals(subject.send(), true);
    while (subject.handled < message) await eventLoopTurn();
  }
});

Deno.test("attend() does not sleep before what a message has set in motion is under way", async () => {
  await using subject = new Subject();
  await eventLoopTurn();
  // The task takes four turns of the microtask queue, and something comes during the last.
  const woken = new Promise<boolean>((resolve) => {
    subject.onMessage = async () => {
      subject.onMessage = () => {};
      for (let turn = 0; turn < 4; turn++) await undefined;
      resolve(subject.send());
    };
  });
  subject.send();
  assertEquals(await woken, false);
  await eventLoopTurn();
  assertEquals(subject.handled, 2);
  assertEquals(subject.sleeps, 2); // before the first, and behind the second
});

Deno.test("attend() lets the event loop turn while messages keep coming", async () => {
  await using subject = new Subject();
  let turned = false;
  subject.onMessage = () => {
    if (!turned) subject.messages = 1; // another one follows
  };
  subject.send();
  await eventLoopTurn();
  turned = true;
});

Deno.test("attend() lets sockets in after some ten turns while messages keep coming", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const [client, server] = await Promise.all([Deno.connect({ port }), listener.accept()]);
  {
    await using subject = new Subject();
    let flooding = true;
    subject.onMessage = () => {
      if (flooding) subject.messages = 1; // another one follows
    };
    subject.send();
    while (subject.handled < 1000) await eventLoopTurn();
    const read = server.read(new Uint8Array(1)).then(() => flooding = false);
    await client.write(new Uint8Array(1));
    let turnsBetweenMessages = 0;
    for (let handled = subject.handled; flooding; handled = subject.handled) {
      await eventLoopTurn();
      if (subject.handled > handled) turnsBetweenMessages++;
    }
    await read;
    // By itself Deno looks at every 61st turn.
    assert(turnsBetweenMessages <= 15, `it took ${turnsBetweenMessages} turns`);
  }
  client.close();
  server.close();
});

Deno.test("attend() lets one microtask pass between two polls while messages keep coming", async () => {
  await using subject = new Subject();
  await eventLoopTurn();
  const POLLS = 10;
  const polls: number[] = [];
  let turn = 0;
  const countTurns = async () => {
    for (; polls.length < POLLS && turn < 100; turn++) await undefined;
  };
  subject.onMessage = () => {
    if (polls.length === 0) countTurns();
    polls.push(turn);
    if (polls.length < POLLS) subject.messages = 1; // another one follows
  };
  subject.send();
  while (polls.length < POLLS) await eventLoopTurn();
  assertEquals(polls.map((at) => at - polls[0]!), polls.map((_, i) => i));
});

Deno.test("attend() spins before it sleeps, and polls again if a spin has seen something", async () => {
  const spinner = new ToldSpinner();
  await using subject = new Subject(spinner);
  let seen = 3;
  spinner.onSpin = () => {
    if (seen-- === 0) return "over";
    subject.messages = 1;
    return "seen";
  };
  await eventLoopTurn();
  assertEquals([spinner.spins, subject.handled, subject.sleeps], [4, 3, 1]);
  assertEquals(spinner.ends, 3); // it is told of each message, so that it can learn
});

Deno.test("attend() blocks before it sleeps, and polls again if it was rung, without a sleep", async () => {
  const spinner = new ToldSpinner();
  await using subject = new Subject(spinner);
  let rings = 3;
  spinner.onBlock = () => {
    if (rings-- === 0) return false;
    assert(subject.send(), "its sleep was announced");
    return true;
  };
  await eventLoopTurn();
  assertEquals([spinner.blocks, subject.handled, subject.sleeps], [4, 3, 1]);
});

Deno.test("attend() blocks for less than a millisecond in all, and then sleeps, so that sockets are served", async () => {
  const spinner = new ToldSpinner();
  await using subject = new Subject(spinner);
  const most = 100;
  spinner.onBlock = () => {
    if (spinner.blocks === most) return false;
    const end = performance.now() + 0.1;
    while (performance.now() < end);
    return subject.send();
  };
  while (subject.sleeps === 0) await eventLoopTurn();
  assert(spinner.blocks < most / 10, `it has blocked ${spinner.blocks} times for 0.1 ms`);
});

Deno.test("attend() lets the event loop turn while it is rung for nothing, again and again", async () => {
  const spinner = new ToldSpinner();
  await using subject = new Subject(spinner);
  let turned = false;
  spinner.onBlock = () => {
    if (turned) return false;
    subject.peer.ring(0);
    return true;
  };
  await eventLoopTurn();
  turned = true;
});

Deno.test("attend() takes its sleep back if the last look finds something, so that nobody rings", async () => {
  await using subject = new Subject();
  await eventLoopTurn();
  let rung: boolean | undefined;
  subject.onLastLook = () => {
    subject.onLastLook = () => {};
    subject.messages++; // it came since the last poll
  };
  subject.onMessage = () => rung = subject.handled === 1 ? subject.peer.ring(0) : rung;
  subject.send();
  await eventLoopTurn();
  assertEquals([subject.handled, subject.sleeps, rung], [2, 2, false]);
});
