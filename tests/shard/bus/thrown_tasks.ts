/** What the test of odd things thrown runs on shards: each of them, on every way out of a shard. */
import {
  defineService,
  defineTasks,
  type ForeignPtr,
  makeForeign,
  type ServiceDefinition,
  submitTo,
  type Task,
  thisShard,
  UniquePtr,
} from "@tidepool/core";

class Failure extends Error {
  details?: { text: string };
  override get message(): string {
    return this.details!.text;
  }
}

function trap(): never {
  throw new Error("a trap");
}
const TRAPS = {
  get: trap,
  has: trap,
  ownKeys: trap,
  getPrototypeOf: trap,
  getOwnPropertyDescriptor: trap,
};

/** An error one of whose members is a getter. */
function withGetter(key: string, get: () => unknown): Error {
  return Object.defineProperty(new RangeError("the error"), key, {
    get,
    enumerable: true,
    configurable: true,
  });
}

class Chain extends Error {
  override get cause(): unknown {
    return new Chain("one more link");
  }
}

/** Throws an error whose message throws such an error. */
class Echoing extends Error {
  override get message(): string {
    throw new Echoing();
  }
}

/** Each makes something to be thrown, and says a part of the text that its caller is to find. */
export const THROWN: Readonly<Record<string, readonly [make: () => unknown, text: string]>> = {
  "a message that throws": [
    () => new Failure(),
    "its message cannot be read: TypeError: Cannot read",
  ],
  "a message that throws such an error": [
    () => new Echoing(),
    "its message cannot be read: something",
  ],
  "a message that is none": [() => withGetter("message", () => 5), ""],
  "a stack that throws": [() => withGetter("stack", trap), "the error"],
  "a name that throws": [() => withGetter("name", trap), "the error"],
  "a cause that throws": [() => withGetter("cause", trap), "the error"],
  "a field that throws": [() => withGetter("detail", trap), "the error"],
  "a field that throws further down": [() =>
    withGetter("detail", () => ({
      get x() {
        return trap();
      },
    })), "the error"],
  "errors that throw": [() => withGetter("errors", trap), "the error"],
  "a cause that never ends": [() => new Chain("the first link"), "the first link"],
  "a constructor that throws": [() => withGetter("constructor", trap), "the error"],
  "a getter that calls back": [
    () => withGetter("detail", () => void submitTo(thisShard(), thrownTasks.pass)),
    "the error",
  ],
  "a toString that throws": [
    () => ({ f: trap, toString: trap }),
    "something thrown that has no text",
  ],
  "an error whose toString throws": [
    () => Object.assign(new RangeError("the error"), { toString: trap }),
    "the error",
  ],
  "a Proxy of an error": [() => new Proxy(new RangeError("the error"), {}), "the error"],
  "a Proxy whose getter throws": [
    () => new Proxy(new Error("x"), { get: trap }),
    "its message cannot be read: Error: a trap",
  ],
  "a Proxy all of whose traps throw": [
    () => new Proxy(new Error("x"), TRAPS),
    "something thrown that has no text",
  ],
  "a Proxy whose keys throw": [
    () => new Proxy(new RangeError("the error"), { ownKeys: trap }),
    "the error",
  ],
  "a revoked Proxy": [() => {
    const { proxy, revoke } = Proxy.revocable(new Error("x"), {});
    revoke();
    return proxy;
  }, "something thrown that has no text"],
  "a function": [() => function named() {}, "function named"],
  "a symbol": [() => Symbol("a sign"), "Symbol(a sign)"],
  "an object without prototype": [
    () => Object.assign(Object.create(null), { f: trap }),
    "something thrown that has no text",
  ],
  "undefined": [() => undefined, "undefined"],
};

/** Throws from every one of its members. */
export class Thrower {
  readonly #what: string;

  constructor(what: string, where: string) {
    this.#what = what;
    if (where === "constructor") throw THROWN[what]![0]();
  }
  call(): never {
    throw THROWN[this.#what]![0]();
  }
  stop(): never {
    throw THROWN[this.#what]![0]();
  }
}

export const thrower: ServiceDefinition<[what: string, where: string], Thrower> = defineService(
  import.meta.url,
  "Thrower",
  Thrower,
);

interface ThrownTasks {
  readonly pass: Task<[], number>;
  readonly now: Task<[what: string], never>;
  readonly later: Task<[what: string], never>;
  readonly local: Task<[what: string], string>;
  readonly update: Task<[number, what: string], number>;
  readonly open: Task<[what: string], ForeignPtr<Thrower>>;
  readonly outside: Task<[what: string], void>;
  readonly unhandled: Task<[what: string], void>;
}

export const thrownTasks: ThrownTasks = defineTasks(import.meta.url, {
  pass: () => thisShard(),
  now: (what: string): never => {
    throw THROWN[what]![0]();
  },
  later: async (what: string): Promise<never> => {
    await Promise.resolve();
    throw THROWN[what]![0]();
  },
  /** Calls to this shard: what they reject with is the value itself. */
  local: async (what: string) => {
    const rejected = await submitTo(thisShard(), thrownTasks.now, what).then(
      () => false,
      () => true,
    );
    return `rejected: ${rejected}`;
  },
  update: (_value: number, what: string): number => {
    throw THROWN[what]![0]();
  },
  open: (what: string) =>
    makeForeign(
      new UniquePtr(new Thrower(what, "nowhere"), () => {
        throw THROWN[what]![0]();
      }),
    ),
  outside: (what: string) => {
    setTimeout(() => {
      throw THROWN[what]![0]();
    });
  },
  unhandled: (what: string) => void Promise.reject(THROWN[what]![0]()),
});
