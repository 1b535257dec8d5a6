/**
 * Endpoints of the bus in one thread, moved one turn at a time: the production code of caller, callee
 * and bus over rings as small as they get, in whatever order of turns a test asks for. A turn is what
 * an event loop does before its next: some calls or a poll, and the microtasks behind it. What the
 * threads do inside a turn, the rings' own model test covers.
 *
 * @module
 */
import { Allocator } from "../../../allocator/mod.ts";
import { MessageBus } from "../../../shard/bus/message_bus.ts";
import { CallHandle } from "../../../shard/bus/peer.ts";
import { CONTROL_PAGE_BYTES, PARKED_BYTES } from "../../../shard/ring/control_page.ts";
import { ringBytes } from "../../../shard/ring/ring_layout.ts";
import type { Callable } from "../../../shard/bus/callable.ts";
import { Spinner } from "../../../shard/ring/spinner.ts";
import { Doorbells } from "../../../shard/ring/wait_strategy.ts";

/** The smallest ring that `Runtime.start()` makes. */
export const SLOTS = 4;
const SLICE_BYTES = 64 * 1024;
/** Bytes of each slice that something else holds, unless a model says otherwise. */
const TAKEN_BYTES = 30_000;
/** Too many for what is left, though not for the slice. */
const OVERFLOW_BYTES = 40_000;
const MODULE = "model:tasks";
const TASK_NAMES = ["echo", "ask", "overflow", "subscribe", "note", "remind"] as const;
/** What an endpoint may call by a turn. */
export type TaskName = typeof TASK_NAMES[number];
/** Turns after which a state that still changes is taken for one that does not end. */
const MAX_TURNS = 1000;

/** A call of the model: what it was told to do, and what came of it. */
export interface ModelCall {
  readonly from: number;
  readonly to: number;
  readonly number: number;
  readonly handle: CallHandle;
  outcome: "under way" | "answered" | "failed";
  /** Why it failed. */
  reason?: unknown;
}

/** Some endpoints and what they have done. */
export class CreditModel {
  readonly buses: readonly MessageBus[];
  /** Calls made, in order. */
  readonly calls: ModelCall[] = [];
  /** By callee and caller: the numbers of the calls that ran, in the order in which they began. */
  readonly ran: number[][][];
  /** Errors that a turn threw: an invariant of the bus was violated. */
  readonly faults: unknown[] = [];
  /** What calls are given up for. */
  reason = "given up";
  /** Called when a call begins to run at `endpoint`. */
  onRun: (endpoint: number) => void = () => {};
  /** Ends the calls of `subscribe`, by number. */
  readonly #signals = new Map<number, AbortSignal>();
  readonly #tasks: Record<TaskName, Callable>;
  #count = 0;

  /** With rings of so many slots. */
  constructor(endpoints: number, slots = SLOTS) {
    const pairs = endpoints * (endpoints - 1);
    const rings = CONTROL_PAGE_BYTES * (endpoints + 1); // a page for CHANGES comes first
    const control = rings + pairs * ringBytes(slots);
    const slicesAt = Math.ceil(control / 4096) * 4096;
    const buffer = new SharedArrayBuffer(slicesAt + endpoints * SLICE_BYTES);
    const slices = Array.from({ length: endpoints }, (_, endpoint) => {
      return { byteOffset: slicesAt + endpoint * SLICE_BYTES, byteLength: SLICE_BYTES };
    });
    const words = new Int32Array(buffer, 0, control >> 2);
    const page = (endpoint: number) => CONTROL_PAGE_BYTES * (endpoint + 1);
    const parked = slices.map((_, endpoint) => (page(endpoint) + PARKED_BYTES) >> 2);
    this.ran = slices.map(() => slices.map(() => []));
    this.buses = slices.map((_, endpoint) =>
      new MessageBus({
        endpoint,
        endpointCount: endpoints,
        buffer,
        controlByteLength: control,
        ring: (from, to) =>
          rings + (from * (endpoints - 1) + (to < from ? to : to - 1)) * ringBytes(slots),
        ringSlots: slots,
        controlPage: page,
        changesByteOffset: 0,
        onChanges: () => {},
        isRunning: () => true,
        mayEnter: () => false,
        onGone: () => {},
        onWarning: (warning) => this.faults.push(warning),
        onSleep: () => {},
        allocator: takenAllocator(Allocator.create(buffer, slices, endpoint), TAKEN_BYTES),
        types: [],
        resolve: (_, key) => this.#serve(endpoint, key),
        connect: () => {},
        doorbells: new Doorbells(words, parked, endpoint),
        spinner: new Spinner(0, false),
        cores: endpoints,
      })
    );
    this.#tasks = Object.fromEntries(
      TASK_NAMES.map((key, index) => [key, { module: MODULE, key, index, run: () => {} }]),
    ) as Record<TaskName, Callable>;
  }

  /** What a task does at `endpoint`. */
  #serve(endpoint: number, key: string): (...args: unknown[]) => unknown {
    const bus = this.buses[endpoint]!;
    const begin = (number: unknown) => {
      this.ran[endpoint]![bus.currentCaller!]!.push(number as number);
      this.onRun(endpoint);
    };
    switch (key) {
      case "ask": // calls its caller back before it answers
      case "remind": // the same, and nobody waits for the answer
        return async (number) => {
          const caller = bus.currentCaller!;
          begin(number);
          return await bus.call(caller, this.#tasks.echo, [-1]);
        };
      case "overflow": // the same, with a result that there is no room for: the call fails
        return async (number) => {
          const caller = bus.currentCaller!;
          begin(number);
          await bus.call(caller, this.#tasks.echo, [-1]);
          return new Uint8Array(OVERFLOW_BYTES);
        };
      case "subscribe": // ends when it is given up
        return (number) => {
          begin(number);
          const signal = bus.currentCall!.signal;
          this.#signals.set(number as number, signal);
          return new Promise<void>((resolve) => {
            signal.addEventListener("abort", () => resolve(), { once: true });
          });
        };
      default:
        return (number) => {
          if (number !== -1) begin(number);
          return number;
        };
    }
  }

  /** One call, with so many bytes beside its number; its outcome shows in `calls`. */
  call(from: number, to: number, task: TaskName, byteLength = 0): void {
    const number = this.#count++;
    const call: ModelCall = { from, to, number, handle: new CallHandle(), outcome: "under way" };
    this.calls.push(call);
    const bus = this.buses[from]!;
    const handle = task === "subscribe" ? call.handle : undefined;
    const args = byteLength === 0 ? [number] : [number, new Uint8Array(byteLength)];
    const promise = task === "note" || task === "remind"
      ? bus.callWithoutReply(to, this.#tasks[task], args)
      : bus.call(to, this.#tasks[task], args, handle);
    promise.then(() => call.outcome = "answered", (reason) => {
      call.outcome = "failed";
      call.reason = reason;
    });
  }

  /** Gives up every call of `from` that can be. */
  giveUp(from: number): void {
    for (const { from: caller, handle } of this.calls) {
      if (caller !== from || handle.peer === undefined) continue;
      this.buses[from]!.cancel(handle, this.reason);
    }
  }

  /** One turn of an endpoint that finds something, or nothing, in its rings; true if it did. */
  async poll(endpoint: number): Promise<boolean> {
    let handled = 0;
    try {
      handled = this.buses[endpoint]!.poll();
    } catch (error) {
      this.faults.push(error);
    }
    await microtasks();
    return handled > 0;
  }

  /** Turns of all endpoints until none finds anything. */
  async settle(): Promise<void> {
    let idle = 0;
    for (let turn = 0; idle < 2 * this.buses.length; turn++) {
      if (turn === MAX_TURNS) throw new Error(`still busy after ${MAX_TURNS} turns`);
      idle = await this.poll(turn % this.buses.length) ? 0 : idle + 1;
      if (this.faults.length > 0) return;
    }
  }

  /** What is wrong once all has settled; "" if nothing is. */
  async verdict(): Promise<string> {
    if (this.faults.length > 0) return String(this.faults[0]);
    const open = this.calls.filter(({ outcome }) => outcome === "under way");
    if (open.length > 0) return `${open.length} calls never end`;
    for (const [from, bus] of this.buses.entries()) {
      if (bus.underWay !== 0) {
        return `endpoint ${from} has ${bus.underWay} calls under way for ever`;
      }
      if (!await isIdle(bus, 0)) return `endpoint ${from} serves calls for ever`;
      if (await isIdle(bus, -1)) return `endpoint ${from} serves fewer calls than none`;
      for (const [to, ran] of this.ran.map((byCaller) => byCaller[from]!).entries()) {
        // Calls that were given up before they were sent do not run; the others do, in order.
        const made = this.calls.filter((call) => call.from === from && call.to === to);
        const expected = made.filter(({ outcome, number }) =>
          outcome === "answered" || ran.includes(number)
        ).map(({ number }) => number);
        if (ran.join() !== expected.join()) {
          return `calls ${expected} from ${from} to ${to} ran as ${ran}`;
        }
      }
    }
    for (const signal of this.#signals.values()) {
      if (!signal.aborted) return "a task that was given up was not told";
      const { name, message } = signal.reason;
      if (`${name}: ${message}` !== `AbortError: ${this.reason}`) return `${name}: ${message}`;
    }
    return "";
  }
}

/** The allocator of a slice that something else is in as well. */
function takenAllocator(allocator: Allocator, byteLength: number): Allocator {
  if (byteLength !== Infinity && allocator.malloc(byteLength) === 0) {
    throw new Error(`the slice has no ${byteLength} bytes`);
  }
  if (byteLength === Infinity) {
    for (let each = SLICE_BYTES; each > 1; each /= 2) while (allocator.malloc(each) !== 0);
  }
  return allocator;
}

/** Whether no call of a bus is under way, and at most `serving` of others are served there. */
async function isIdle(bus: MessageBus, serving: number): Promise<boolean> {
  let idle = false;
  bus.idle(serving).then(() => idle = true);
  await microtasks();
  return idle;
}

/** Lets the microtasks of a turn run: calls settle, tasks go on, the bus publishes. */
async function microtasks(): Promise<void> {
  for (let hop = 0; hop < 12; hop++) await undefined;
}
