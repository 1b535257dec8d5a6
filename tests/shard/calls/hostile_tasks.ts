/** Tasks that return, throw and reject what they should not. */
import { defineTasks, type Task } from "@tidepool/core";

const trap = () => {
  throw new Error("a trap of the Proxy");
};
const TRAPS = { get: trap, has: trap, ownKeys: trap, getPrototypeOf: trap };

interface HostileTasks {
  readonly add: Task<[number, number], number>;
  readonly echo: Task<[unknown], unknown>;
  readonly countKeys: Task<[Record<string, unknown>], number>;
  readonly settlesTwice: Task<[], unknown>;
  readonly settlesAndThrows: Task<[], unknown>;
  readonly thenThrows: Task<[], unknown>;
  readonly throwsWithoutText: Task<[], never>;
  readonly throwsBadText: Task<[], never>;
  readonly throwsProxy: Task<[], never>;
  readonly throwsUndefined: Task<[], never>;
  readonly throwsLarge: Task<[number], never>;
  readonly getterThrows: Task<[], unknown>;
  readonly large: Task<[number], Uint8Array>;
  readonly deep: Task<[number], unknown>;
  readonly rejects: Task<["text" | "symbol" | "undefined" | "large"], void>;
}

export const hostileTasks: HostileTasks = defineTasks(import.meta.url, {
  add: (a: number, b: number): number => a + b,
  echo: (value: unknown): unknown => value,
  countKeys: (value: Record<string, unknown>): number => Object.keys(value).length,
  // deno-lint-ignore no-explicit-any -- a thenable breaks the rules of its kind.
  settlesTwice: (): any => ({
    // deno-lint-ignore no-explicit-any -- the same.
    then(resolve: any, reject: any) {
      resolve(1);
      resolve(2);
      reject(new Error("3"));
    },
  }),
  settlesAndThrows: (): unknown => ({
    then(resolve: (value: number) => void) {
      resolve(1);
      throw new Error("too late");
    },
  }),
  thenThrows: (): unknown => ({
    get then() {
      throw new RangeError("the getter of then");
    },
  }),
  throwsWithoutText: (): never => {
    throw Object.assign(Object.create(null), { f() {} });
  },
  throwsBadText: (): never => {
    throw {
      f() {},
      toString() {
        throw new Error("no text");
      },
    };
  },
  throwsProxy: (): never => {
    throw new Proxy({}, TRAPS);
  },
  throwsUndefined: (): never => {
    throw undefined;
  },
  throwsLarge: (byteLength: number): never => {
    throw Object.assign(new RangeError("too large"), { data: new Uint8Array(byteLength) });
  },
  getterThrows: (): unknown => ({
    get x() {
      throw new RangeError("the getter of x");
    },
  }),
  large: (byteLength: number): Uint8Array => new Uint8Array(byteLength),
  deep: (depth: number): unknown => {
    let value: unknown = 0;
    for (let i = 0; i < depth; i++) value = { value };
    return value;
  },
  /** A rejection that nobody handles, of something odd: the shard dies of it. */
  rejects: (what: "text" | "symbol" | "undefined" | "large"): Promise<void> => {
    Promise.reject(
      {
        text: Object.create(null),
        symbol: Symbol("odd"),
        undefined,
        large: new TypeError("x".repeat(100_000)),
      }[what],
    );
    return new Promise(() => {});
  },
});
