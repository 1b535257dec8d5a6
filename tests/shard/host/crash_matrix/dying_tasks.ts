/** Ways to die, and what a shard is in the middle of when it does. */
import {
  defineService,
  defineTasks,
  localAllocator,
  NewDelete,
  type ServiceDefinition,
  submitTo,
  type Task,
  taskSignal,
  thisShard,
} from "@tidepool/core";

/** How a shard's thread ends, or stops being of use. */
export type Death = "throw" | "reject" | "close" | "exit" | "loop" | "memory";

/** The shard that dies. */
export const VICTIM = 1;

/** Longer than any watchdog of the matrix allows; not for ever, since such a thread never ends. */
const LOOP_MS = 2000;

/** Dies; what it returns never resolves. */
function die(how: Death): Promise<never> {
  const never = new Promise<never>(() => {});
  switch (how) {
    case "throw":
      queueMicrotask(() => {
        throw new RangeError("thrown outside of a task");
      });
      break;
    case "reject":
      Promise.reject(new RangeError("nobody catches this"));
      break;
    case "close":
      (globalThis as unknown as { close(): void }).close();
      break;
    case "exit":
      Deno.exit(3);
      break;
    case "loop":
      for (const end = performance.now() + LOOP_MS; performance.now() < end;);
      break;
    case "memory":
      queueMicrotask(() => {
        const heap = new NewDelete(localAllocator());
        for (;;) heap.new(2 ** 20);
      });
  }
  return never;
}

interface DyingTasks {
  readonly add: Task<[number, number], number>;
  readonly twice: Task<[number], number>;
  readonly never: Task<[], void>;
  readonly die: Task<[Death], never>;
  readonly dieLater: Task<[Death], void>;
  readonly dieAfterTurns: Task<[Death, number], never>;
  readonly callOut: Task<[number], void>;
  readonly untilCallerDies: Task<[], void>;
}

export const dyingTasks: DyingTasks = defineTasks(import.meta.url, {
  add: (a: number, b: number): number => a + b,
  twice: (n: number): number => 2 * n,
  never: (): Promise<void> => new Promise(() => {}),
  die,
  /** Answers, and dies with nothing under way. */
  dieLater: (how: Death): void => void setTimeout(() => die(how)),
  /** Dies once the shard has answered `turns` calls of its neighbour: time for others to begin. */
  dieAfterTurns: async (how: Death, turns: number): Promise<never> => {
    for (let turn = 0; turn < turns; turn++) await submitTo(1 - thisShard(), dyingTasks.add, 1, 1);
    return await die(how);
  },
  /** Has a call under way to `shard` that is answered when its caller has died. */
  callOut: (shard: number): Promise<void> =>
    submitTo(shard, dyingTasks.untilCallerDies.with({ timeoutMs: 1e9 })),
  /** Were it not told, `stop()` would wait for it until its deadline. */
  untilCallerDies: (): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>();
    taskSignal().addEventListener("abort", () => resolve(), { once: true });
    return promise;
  },
});

/**
 * When an instance of a dying service dies: while the first is made on the victim, while the second is, or
 * when it stops.
 */
export type When = "start" | "stop" | "back";

/** A service whose instance on the victim dies at one of the ends of its life. */
class Dying {
  readonly #how: Death;
  readonly #when: When;
  readonly #lives: number;

  /** At `lives` is a word that counts the instances on the victim, in the host's slice. */
  constructor(how: Death, when: When, lives: number) {
    this.#how = how;
    this.#when = when;
    this.#lives = lives;
    if (when === "start" && this.#isMadeAs(0)) die(how);
  }
  async init(): Promise<void> {
    if (this.#when === "back" && this.#isMadeAs(1)) await die(this.#how);
  }
  /** Whether so many instances have been on the victim before this one, which is there too. */
  #isMadeAs(before: number): boolean {
    if (thisShard() !== VICTIM) return false;
    return Atomics.add(new Int32Array(localAllocator().buffer, this.#lives, 1), 0, 1) === before;
  }
  shard(): number {
    return thisShard();
  }
  async stop(): Promise<void> {
    if (thisShard() === VICTIM && this.#when === "stop") await die(this.#how);
  }
}
export const dyingService: ServiceDefinition<[Death, When, number], Dying> = defineService(
  import.meta.url,
  "dyingService",
  Dying,
);
