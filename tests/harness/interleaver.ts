/**
 * A model checker for small synchronous programs over one Int32Array: it runs them in every
 * interleaving of their accesses to it, and reports what they can return and where they race. The
 * programs are ordinary code, given a view to work on, so production code is checked unmodified.
 *
 * How: explicit-state search by replay. To advance a thread by one access its program is started
 * again, the results of its earlier accesses are played back from a log, one new access is performed
 * on the real memory, and the next one suspends the program with an exception. States met before
 * are not searched twice. Vector clocks (as in FastTrack, Flanagan and Freund, PLDI 2009) find pairs
 * of conflicting accesses that nothing orders, whatever their values did in that run.
 *
 * What it covers: plain accesses by index, and the operations of `Atomics` on whole words, which are
 * sequentially consistent. Words listed as `racyWords` may be read plainly while others write them;
 * such a read yields, in turn, each value that JavaScript's memory model lets it see: any one not
 * overwritten in a way the reader could know of.
 *
 * What it does not see: waiting (`Atomics.wait` and `waitAsync` fail, `notify` wakes nobody), other
 * views and DataViews of the memory, copying methods of the array such as `fill`, reordering of plain
 * accesses beyond what a race already reports, and more than about 10^5 states in a test's time. A
 * program must be deterministic, bounded, keep its state inside, and let every exception pass.
 *
 * @module
 */

type Operation =
  | "load"
  | "store"
  | "add"
  | "sub"
  | "and"
  | "or"
  | "xor"
  | "exchange"
  | "compareExchange"
  | "notify"
  | "read"
  | "write";

type AtomicOperation = Exclude<Operation, "read" | "write">;
type AtomicFunction = (array: Int32Array, index: number, ...values: number[]) => number;

const ATOMIC_OPERATIONS: readonly AtomicOperation[] = [
  "load",
  "store",
  "add",
  "sub",
  "and",
  "or",
  "xor",
  "exchange",
  "compareExchange",
  "notify",
];

/** Thrown inside a program to leave it at its next access. */
const SUSPENDED = Symbol("suspended");

/** What a word's last accesses of one sort were: for each thread, its own clock at that time. */
const ACCESS_SORTS = ["plain write", "plain read", "atomic write", "atomic read"] as const;

/** How to explore, and what to look at. */
export interface ExploreOptions<R> {
  /** Words that may be read plainly while another thread writes them: no race, any visible value. */
  readonly racyWords?: readonly number[];
  /** What to count as the outcome of a run; the results of the programs unless given. */
  readonly outcome?: (results: readonly R[], memory: Int32Array) => unknown;
  /** States after which the search gives up with an error. */
  readonly maxStates?: number;
}

/** What an exploration found. */
export interface Exploration {
  /** Distinct states searched. */
  readonly states: number;
  /** Every outcome as JSON, and in how many final states it was met. */
  readonly outcomes: ReadonlyMap<string, number>;
  /** Pairs of conflicting accesses that nothing orders, in words. */
  readonly races: ReadonlySet<string>;
}

/** A value that a racy word had, and who wrote it when by the writer's own clock. */
interface Written {
  readonly value: number;
  readonly thread: number;
  readonly time: number;
}

/** Everything that a step changes; copied before each, so that the search can go back. */
interface State {
  readonly memory: number[];
  /** Results of each thread's accesses so far. */
  readonly logs: number[][];
  readonly done: boolean[];
  readonly results: unknown[];
  readonly clocks: number[][];
  /** For each word, the clock of who wrote it last by an atomic access, as it was then. */
  readonly passed: Map<number, number[]>;
  /** For each word, by sort of access, each thread's clock at its last. */
  readonly accesses: Map<number, number[][]>;
  readonly histories: Map<number, Written[]>;
}

/**
 * Runs the programs in every interleaving.
 *
 * @param words length of the memory in Int32 words
 * @param init writes the initial memory
 * @param programs one for each thread, each given a view of the same memory
 * @param options see {@linkcode ExploreOptions}
 * @returns states, outcomes and races
 * @throws {Error} if a program throws, with its schedule, or `maxStates` is exceeded
 */
export function explore<R>(
  words: number,
  init: (memory: Int32Array) => void,
  programs: readonly ((memory: Int32Array) => R)[],
  options: ExploreOptions<R> = {},
): Exploration {
  return new Interleaver(words, init, programs, options).run();
}

class Interleaver<R> {
  readonly #memory: Int32Array;
  readonly #view: Int32Array;
  readonly #programs: readonly ((memory: Int32Array) => R)[];
  readonly #options: ExploreOptions<R>;
  readonly #racy: ReadonlySet<number>;
  readonly #native = new Map<AtomicOperation, AtomicFunction>();
  readonly #seen = new Set<string>();
  /** Words that any program has touched, in the order it happened: the rest never changes. */
  readonly #touched = new Set<number>();
  readonly #outcomes = new Map<string, number>();
  readonly #races = new Set<string>();
  #state: State;
  /** Thread that runs, or -1; place in its log; whether it made its new access. */
  #thread = -1;
  #position = 0;
  #advanced = false;
  /** For a racy read: which of its values to take, and how many there were. */
  #choice = 0;
  #choices = 1;

  constructor(
    words: number,
    init: (memory: Int32Array) => void,
    programs: readonly ((memory: Int32Array) => R)[],
    options: ExploreOptions<R>,
  ) {
    this.#memory = new Int32Array(new SharedArrayBuffer(words * Int32Array.BYTES_PER_ELEMENT));
    init(this.#memory);
    this.#programs = programs;
    this.#options = options;
    this.#racy = new Set(options.racyWords);
    const histories = new Map<number, Written[]>();
    for (const word of this.#racy) {
      histories.set(word, [{ value: this.#memory[word]!, thread: 0, time: 0 }]);
    }
    this.#state = {
      memory: [...this.#memory],
      logs: programs.map(() => []),
      done: programs.map(() => false),
      results: programs.map(() => undefined),
      clocks: programs.map(() => programs.map(() => 0)),
      passed: new Map(),
      accesses: new Map(),
      histories,
    };
    this.#view = this.#watch(this.#memory);
  }

  run(): Exploration {
    const atomics = Atomics as unknown as Record<AtomicOperation, AtomicFunction>;
    for (const operation of ATOMIC_OPERATIONS) {
      const native = atomics[operation];
      this.#native.set(operation, native);
      atomics[operation] = (array, index, ...values) =>
        array === this.#view
          ? this.#access(operation, index, () => native(this.#memory, index, ...values), values[0])
          : native(array, index, ...values);
    }
    try {
      this.#search([]);
    } finally {
      for (const [operation, native] of this.#native) atomics[operation] = native;
    }
    return { states: this.#seen.size, outcomes: this.#outcomes, races: this.#races };
  }

  #search(schedule: number[]): void {
    const key = this.#key();
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    const limit = this.#options.maxStates ?? 1_000_000;
    if (this.#seen.size > limit) throw new Error(`The programs have more than ${limit} states`);
    if (this.#state.done.every(Boolean)) {
      this.#note();
      return;
    }
    const before = this.#state;
    for (let thread = 0; thread < this.#programs.length; thread++) {
      if (before.done[thread]) continue;
      this.#choices = 1;
      for (let choice = 0; choice < this.#choices; choice++) {
        this.#state = copyOf(before);
        this.#memory.set(before.memory);
        this.#choice = choice;
        schedule.push(thread);
        this.#step(thread, schedule);
        const choices = this.#choices;
        this.#search(schedule);
        this.#choices = choices;
        schedule.pop();
      }
    }
    this.#state = before;
  }

  /** Runs a program up to the end of one new access. */
  #step(thread: number, schedule: readonly number[]): void {
    this.#thread = thread;
    this.#position = 0;
    this.#advanced = false;
    try {
      this.#state.results[thread] = this.#programs[thread]!(this.#view);
      this.#state.done[thread] = true;
    } catch (cause) {
      if (cause !== SUSPENDED) {
        const what = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`Thread ${thread} threw in schedule ${schedule.join("")}: ${what}`, {
          cause,
        });
      }
    } finally {
      this.#thread = -1;
    }
    for (const word of this.#touched) this.#state.memory[word] = this.#memory[word]!;
  }

  /** One access; `expected` is what a compare-exchange wants to find. */
  #access(
    operation: Operation,
    word: number,
    perform: () => number,
    expected?: number,
  ): number {
    if (this.#thread < 0) return perform();
    const log = this.#state.logs[this.#thread]!;
    if (this.#position < log.length) return log[this.#position++]!;
    if (this.#advanced) throw SUSPENDED;
    this.#advanced = true;
    this.#position++;
    this.#touched.add(word);
    const clock = this.#state.clocks[this.#thread]!;
    clock[this.#thread]!++;
    const isPlain = operation === "read" || operation === "write";
    const history = this.#state.histories.get(word);
    let result: number;
    if (history !== undefined && operation === "read") result = this.#readRacy(history, clock);
    else result = perform();
    const isWrite = operation === "compareExchange"
      ? result === expected // one that fails is a load
      : operation !== "read" && operation !== "load" && operation !== "notify";
    if (!isPlain) this.#synchronize(operation, isWrite, word, clock);
    this.#findRaces(operation, word, isPlain, isWrite, clock);
    if (history !== undefined && isWrite) {
      const value = this.#memory[word]!;
      history.push({ value, thread: this.#thread, time: clock[this.#thread]! });
    }
    log.push(result);
    return result;
  }

  /**
   * An atomic access that reads takes in what the thread knew that wrote the value. Nothing else is
   * passed on: that a load came before a store tells the one who stores nothing, so the plain accesses
   * behind a store may still see what was there before.
   */
  #synchronize(operation: Operation, isWrite: boolean, word: number, clock: number[]): void {
    const passed = this.#state.passed.get(word);
    if (passed !== undefined && operation !== "store") {
      for (let t = 0; t < clock.length; t++) clock[t] = Math.max(clock[t]!, passed[t]!);
    }
    if (isWrite) this.#state.passed.set(word, clock.slice());
  }

  #findRaces(
    operation: Operation,
    word: number,
    isPlain: boolean,
    isWrite: boolean,
    clock: readonly number[],
  ): void {
    let accesses = this.#state.accesses.get(word);
    if (accesses === undefined) {
      accesses = ACCESS_SORTS.map(() => clock.map(() => 0));
      this.#state.accesses.set(word, accesses);
    }
    const me = this.#thread;
    const sort = (isPlain ? 0 : 2) + (isWrite ? 0 : 1);
    // A plain write conflicts with everything, a plain read with writes, atomics with plain accesses.
    const against = isPlain ? (isWrite ? [0, 1, 2, 3] : [0, 2]) : (isWrite ? [0, 1] : [0]);
    for (const other of against) {
      // On a racy word the plain reads are meant; its plain writes still race with one another.
      if (this.#racy.has(word) && (sort === 1 || other === 1)) continue;
      for (let t = 0; t < clock.length; t++) {
        if (t !== me && accesses[other]![t]! > clock[t]!) {
          this.#races.add(
            `word ${word}: ${ACCESS_SORTS[other]} by thread ${t}, ${operation} by thread ${me}`,
          );
        }
      }
    }
    accesses[sort]![me] = clock[me]!;
  }

  /** One of the values that no write the reader knows of has replaced. */
  #readRacy(history: readonly Written[], clock: readonly number[]): number {
    let first = history.length - 1;
    while (first > 0 && history[first]!.time > clock[history[first]!.thread]!) first--;
    const values = [...new Set(history.slice(first).map((written) => written.value))];
    this.#choices = values.length;
    return values[this.#choice]!;
  }

  #note(): void {
    const results = this.#state.results as R[];
    const { outcome } = this.#options;
    const found = outcome === undefined ? results : outcome(results, this.#memory);
    const key = JSON.stringify(found);
    this.#outcomes.set(key, (this.#outcomes.get(key) ?? 0) + 1);
  }

  /**
   * Names a state. What is left out follows from what is in: results and `accesses` from the logs,
   * as a thread's own clock counts its accesses.
   */
  #key(): string {
    const { memory, logs, done, clocks, passed, histories } = this.#state;
    const values: number[] = [];
    for (const word of this.#touched) values.push(memory[word]!);
    return JSON.stringify([values, logs, done, clocks, [...passed].sort(byWord), [...histories]]);
  }

  #watch(memory: Int32Array): Int32Array {
    return new Proxy(memory, {
      get: (target, key) => {
        if (typeof key === "string" && /^\d+$/.test(key)) {
          const word = Number(key);
          return this.#access("read", word, () => target[word]!);
        }
        return Reflect.get(target, key, target);
      },
      set: (target, key, value: number) => {
        if (typeof key !== "string" || !/^\d+$/.test(key)) return false;
        const word = Number(key);
        this.#access("write", word, () => target[word] = value);
        return true;
      },
    });
  }
}

function byWord(a: readonly [number, unknown], b: readonly [number, unknown]): number {
  return a[0] - b[0];
}

function copyOf(state: State): State {
  return {
    memory: state.memory.slice(),
    logs: state.logs.map((log) => log.slice()),
    done: state.done.slice(),
    results: state.results.slice(),
    clocks: state.clocks.map((clock) => clock.slice()),
    passed: new Map([...state.passed].map(([word, clock]) => [word, clock.slice()])),
    accesses: new Map(
      [...state.accesses].map(([word, sorts]) => [word, sorts.map((s) => s.slice())]),
    ),
    histories: new Map([...state.histories].map(([word, history]) => [word, history.slice()])),
  };
}
