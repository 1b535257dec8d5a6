/**
 * What shards do in a soak of the bus: they make random calls to each other and check every answer.
 * A ledger on each shard knows which notes of each sender it has taken; one that is lost, taken twice or
 * out of order is an error there and then.
 */
import {
  defineTasks,
  type ForeignPtr,
  makeForeign,
  shardCount,
  ShardCrashedError,
  submitTo,
  type Task,
  thisShard,
  transfer,
} from "@tidepool/core";
import { assertEquals, assertInstanceOf } from "@std/assert";
import { SeededRandom } from "../../harness/seeded_random.ts";

/** What a driver has done. */
export interface DriverReport {
  /** Calls that came back as they should. */
  readonly right: number;
  /** Calls that a crash, and nothing else, has ended. */
  readonly crashed: number;
  /** Calls given up in time. */
  readonly givenUp: number;
}

/** The last note of each sender, in this life. */
const lastNotes = new Map<number, number>();
/** Notes that this thread has sent to each shard. */
const sentNotes = new Map<number, number>();

class Cell {
  #value = 0;
  add(n: number): number {
    return this.#value += n;
  }
}

interface SoakTasks {
  readonly echo: Task<[unknown], unknown>;
  readonly add: Task<[number, number], number>;
  readonly fail: Task<[number], never>;
  readonly note: Task<[number, number], void>;
  readonly lastNote: Task<[number], number>;
  readonly handOver: Task<[Uint8Array], Uint8Array>;
  readonly open: Task<[], ForeignPtr<Cell>>;
  readonly callBack: Task<[number, unknown], unknown>;
  readonly never: Task<[], void>;
  readonly die: Task<["throw" | "reject" | "close" | "exit"], void>;
  readonly drive: Task<[number, number], DriverReport>;
}

export const soakTasks: SoakTasks = defineTasks(import.meta.url, {
  echo: (value: unknown): unknown => value,
  add: (a: number, b: number): number => a + b,
  fail: (n: number): never => {
    throw Object.assign(new RangeError(`failure ${n}`, { cause: new SyntaxError("why") }), { n });
  },
  /** Takes the note `n` of `sender`, which must be the one after its last in this life. */
  note: (sender: number, n: number): void => {
    const last = lastNotes.get(sender);
    lastNotes.set(sender, n);
    if (last !== undefined && n !== last + 1) {
      throw new Error(`shard ${thisShard()} got note ${n} of ${sender} after note ${last}`);
    }
  },
  lastNote: (sender: number): number => lastNotes.get(sender) ?? 0,
  handOver: (bytes: Uint8Array): Uint8Array => transfer(bytes),
  open: (): ForeignPtr<Cell> => makeForeign(new Cell()),
  callBack: (caller: number, value: unknown): Promise<unknown> =>
    submitTo(caller, soakTasks.echo, value),
  never: (): Promise<void> => new Promise(() => {}),
  die: (how: "throw" | "reject" | "close" | "exit"): Promise<void> => {
    if (how === "throw") {
      queueMicrotask(() => {
        throw new RangeError("soaked");
      });
    } else if (how === "reject") Promise.reject(new RangeError("soaked"));
    else if (how === "close") (globalThis as unknown as { close(): void }).close();
    else Deno.exit(3);
    return new Promise(() => {});
  },
  /** Makes `calls` random calls, up to 200 at a time, and checks what comes of each. */
  drive: async (seed: number, calls: number): Promise<DriverReport> => {
    const others = Array.from({ length: shardCount() }, (_, shard) => shard);
    return await new Driver(new SeededRandom(seed), thisShard(), others, submitTo).run(calls);
  },
});

/** A value of a random kind and size. */
function randomValue(random: SeededRandom): unknown {
  switch (random.below(6)) {
    case 0:
      return random.next();
    case 1:
      return "x".repeat(random.below(60));
    case 2:
      return "long ".repeat(random.below(2000));
    case 3:
      return { list: [random.next(), -0, undefined, 5n], map: new Map([["k", new Set([1])]]) };
    case 4:
      return new Uint8Array(random.below(20_000)).fill(random.below(256));
    default:
      return null;
  }
}

/** Makes random calls from one endpoint. */
export class Driver {
  readonly #random: SeededRandom;
  readonly #id: number;
  readonly #shards: readonly number[];
  readonly #submitTo: typeof submitTo;
  #left = 0;
  #right = 0;
  #crashed = 0;
  #givenUp = 0;

  /** `id` names the sender of notes; `submit` is how this endpoint calls. */
  constructor(
    random: SeededRandom,
    id: number,
    shards: readonly number[],
    submit: typeof submitTo,
  ) {
    this.#random = random;
    this.#id = id;
    this.#shards = shards;
    this.#submitTo = submit;
  }

  /** Makes so many calls. */
  async run(calls: number): Promise<DriverReport> {
    this.#left = calls;
    await Promise.all(Array.from({ length: this.#random.between(1, 200) }, () => this.#work()));
    return { right: this.#right, crashed: this.#crashed, givenUp: this.#givenUp };
  }

  async #work(): Promise<void> {
    while (this.#left-- > 0) {
      const to = this.#shards[this.#random.below(this.#shards.length)]!;
      try {
        await this.#one(to);
        this.#right++;
      } catch (error) {
        if (error instanceof ShardCrashedError || error instanceof ReferenceError) this.#crashed++;
        else if (error instanceof DOMException && error.name === "AbortError") this.#givenUp++;
        else throw error;
      }
    }
  }

  async #one(to: number): Promise<void> {
    const random = this.#random;
    const submit = this.#submitTo;
    switch (random.below(9)) {
      case 0: {
        const value = randomValue(random);
        assertEquals(await submit(to, soakTasks.echo, value), value);
        break;
      }
      case 1: {
        const n = random.next();
        const error: unknown = await submit(to, soakTasks.fail, n).catch((error: unknown) => error);
        if (error instanceof ShardCrashedError) throw error;
        assertInstanceOf(error, RangeError);
        assertInstanceOf(error.cause, SyntaxError);
        assertEquals([error.message, Object.entries(error)], [`failure ${n}`, [["n", n]]]);
        break;
      }
      case 2: { // a note: no reply, in order with the others
        const n = (sentNotes.get(to) ?? 0) + 1;
        sentNotes.set(to, n);
        await submit(to, soakTasks.note.with({ noReply: true }), this.#id, n);
        break;
      }
      case 3: {
        const bytes = new Uint8Array(random.between(1, 50_000)).fill(random.below(256));
        const copy = bytes.slice();
        assertEquals(await submit(to, soakTasks.handOver, transfer(bytes)), copy);
        break;
      }
      case 4: {
        using cell = await submit(to, soakTasks.open);
        assertEquals(await cell.invoke("add", 5), 5);
        assertEquals(await cell.invoke("add", 6), 11);
        break;
      }
      case 5: { // given up at once, or a little later, or answered first
        const controller = new AbortController();
        const task = random.below(2) === 0 ? soakTasks.add : soakTasks.callBack;
        const call = submit(
          to,
          (task as typeof soakTasks.add).with({ signal: controller.signal }),
          to,
          7,
        );
        if (random.below(2) === 0) queueMicrotask(() => controller.abort());
        else controller.abort();
        await call;
        break;
      }
      case 6: {
        const value = randomValue(random);
        const caller = this.#shards.includes(this.#id) ? this.#id : to;
        assertEquals(await submit(to, soakTasks.callBack, caller, value), value);
        break;
      }
      case 7: { // a flood
        const sums = await Promise.all(
          Array.from({ length: random.below(64) }, (_, n) => submit(to, soakTasks.add, n, 1)),
        );
        assertEquals(sums, sums.map((_, n) => n + 1));
        break;
      }
      default: {
        const [a, b] = [random.below(1000), random.below(1000)];
        assertEquals(await submit(to, soakTasks.add, a, b), a + b);
      }
    }
  }

  /** Notes sent to a shard from this thread. */
  static notesSentTo(shard: number): number {
    return sentNotes.get(shard) ?? 0;
  }

  /** Begins the count of notes anew: for another runtime. */
  static forgetNotes(): void {
    sentNotes.clear();
  }
}
