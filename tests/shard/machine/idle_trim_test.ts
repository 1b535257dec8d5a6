/** When an endpoint looks for memory to give back, by a clock that stands still until it is told. */
import { assert, assertEquals } from "@std/assert";
import { Allocator, HeapCheckError } from "../../../allocator/mod.ts";
import { IdleTrim } from "../../../shard/machine/mod.ts";
import { RecordedPages } from "../../allocator/malloc/recorded_pages.ts";

const MIB = 2 ** 20;

/** The clock and the timers of this thread, for the time of a test. */
class StoppedClock implements Disposable {
  now = 0;
  readonly #timers = new Map<number, { readonly at: number; readonly run: () => void }>();
  readonly #undo: (() => void)[] = [];
  #id = 0;

  constructor() {
    this.#replace(performance, "now", () => this.now);
    this.#replace(globalThis, "setTimeout", (run: () => void, delayMs: number) => {
      this.#timers.set(++this.#id, { at: this.now + delayMs, run });
      return this.#id;
    });
    this.#replace(globalThis, "clearTimeout", (id: number) => void this.#timers.delete(id));
    this.#replace(Deno, "unrefTimer", (id: number) => assert(this.#timers.has(id)));
  }

  #replace<Owner extends object>(owner: Owner, name: keyof Owner, by: unknown): void {
    const before = owner[name];
    Object.defineProperty(owner, name, { value: by, configurable: true, writable: true });
    this.#undo.push(() =>
      Object.defineProperty(owner, name, { value: before, configurable: true, writable: true })
    );
  }

  /** In how many milliseconds each timer is due. */
  get due(): number[] {
    return [...this.#timers.values()].map(({ at }) => at - this.now);
  }

  /** Goes on to the first timer, and runs it. */
  next(): void {
    const [id, timer] = [...this.#timers].reduce((a, b) => (b[1].at < a[1].at ? b : a));
    this.now = timer.at;
    this.#timers.delete(id);
    timer.run();
  }

  [Symbol.dispose](): void {
    for (const undo of this.#undo) undo();
  }
}

/** An endpoint that sleeps, unless told. */
function make() {
  const pages = Object.assign(new RecordedPages(), { problem: undefined as string | undefined });
  const slices = [{ byteOffset: 0, byteLength: 40 * MIB }];
  const allocator = Allocator.create(new SharedArrayBuffer(40 * MIB), slices, 0, { pages });
  pages.allocator = allocator;
  const ends: unknown[] = [];
  const state = { isAsleep: true };
  const idleTrim = new IdleTrim(allocator, pages, 1000, {
    isAsleep: () => state.isAsleep,
    onEnd: (why) => void ends.push(why),
  });
  return { pages, allocator, idleTrim, state, ends };
}

Deno.test("IdleTrim gives back what has been free for so long, and then wants no timer", () => {
  using clock = new StoppedClock();
  const { pages, allocator, idleTrim } = make();
  idleTrim.rest();
  idleTrim.rest(); // one timer at a time
  assertEquals(clock.due, [250]);
  for (let look = 0; look < 4; look++) clock.next();
  assertEquals([clock.now, pages.take()], [1000, 0]);
  clock.next();
  assertEquals([clock.now, pages.take(), clock.due], [1250, 32 * MIB, [0]]); // no more in one turn
  clock.next();
  assert(pages.take() > 7.9 * MIB);
  assertEquals([clock.now, clock.due], [1250, []]);
  idleTrim.rest(); // nothing has changed
  assertEquals(clock.due, []);
  allocator.free(allocator.malloc(8));
  idleTrim.rest();
  assertEquals(clock.due, [250]);
  for (let look = 0; look < 6; look++) clock.next();
  assertEquals(clock.due, []);
});

Deno.test("IdleTrim does not look while the endpoint works: it does before the next sleep", () => {
  using clock = new StoppedClock();
  const { pages, allocator, idleTrim, state } = make();
  idleTrim.rest();
  state.isAsleep = false;
  clock.next();
  assertEquals([allocator["trimmer"].hasChanged, clock.due], [true, [250]]);
  state.isAsleep = true;
  idleTrim.rest();
  assertEquals(clock.due, [0]);
  clock.next();
  assertEquals([allocator["trimmer"].hasChanged, clock.due], [false, [250]]);
  for (let look = 0; look < 5; look++) clock.next();
  assert(pages.take() > 39 * MIB);
});

Deno.test("IdleTrim looks at an endpoint that hardly ever sleeps a quarter of the time later", () => {
  using clock = new StoppedClock();
  const { pages, allocator, idleTrim, state } = make();
  idleTrim.rest();
  state.isAsleep = false;
  clock.next();
  idleTrim.rest(); // it sleeps, and is awake again when the look is due
  clock.next();
  assertEquals([clock.now, allocator["trimmer"].hasChanged, clock.due], [250, true, [250]]);
  clock.next();
  assertEquals([clock.now, allocator["trimmer"].hasChanged], [500, false]);
  while (clock.due.length > 0) clock.next();
  assert(pages.take() > 39 * MIB);
});

Deno.test("IdleTrim ends, and says why, if the system refuses or the heap was overwritten", () => {
  for (const isRefused of [true, false]) {
    using clock = new StoppedClock();
    const { pages, allocator, idleTrim, ends } = make();
    const address = allocator.malloc(MIB);
    idleTrim.rest();
    if (isRefused) pages.problem = "no";
    else {
      allocator.malloc(8);
      allocator.free(address);
      allocator.free(allocator.malloc(2 * MIB)); // the block is on its list
      allocator.bytes(address + 4, 1).fill(9); // its link
    }
    clock.next();
    assertEquals([ends.length, clock.due], [1, []]);
    assert(isRefused ? ends[0] === "no" : ends[0] instanceof HeapCheckError);
    idleTrim.rest();
    assertEquals([clock.due, pages.given], [[], []]);
  }
});

Deno.test("IdleTrim that was stopped leaves no timer", () => {
  using clock = new StoppedClock();
  const { idleTrim } = make();
  idleTrim.rest();
  idleTrim.stop();
  idleTrim.rest();
  assertEquals(clock.due, []);
});
