/**
 * An instance of a service as whoever has a key sees it: the object itself where it lives on this shard,
 * and elsewhere an object with the same methods, each of which makes a call.
 *
 * @module
 */

/**
 * What the language asks of any object that is awaited, printed or written as JSON: one that answered with
 * calls could not be. `LocalOrRemote` leaves out the same.
 */
const ASKED_OF_ANY: ReadonlySet<string> = new Set([
  "then",
  "constructor",
  "toJSON",
  "toString",
  "valueOf",
]);

/** An instance on this shard or on another: each method gives its result, or a promise of it. */
export type LocalOrRemote<Service extends object> = {
  readonly [
    Key in keyof Service as Service[Key] extends (...args: never[]) => unknown
      ? Exclude<Key & string, "then" | "constructor" | "toJSON" | "toString" | "valueOf">
      : never
  ]: Service[Key] extends (...args: infer Arguments) => infer Result
    ? (...args: Arguments) => Awaited<Result> | Promise<Awaited<Result>>
    : never;
};

/** Calls a method, by its name. */
type CallMethod = (method: string, args: readonly unknown[]) => Promise<unknown>;

/**
 * An object each of whose methods makes a call of its name. This thread need not know the class: a method
 * is made when it is first asked for, and found as any other from then on. O(1).
 */
export function remoteInstance<Service extends object>(call: CallMethod): LocalOrRemote<Service> {
  const unmet = new Proxy(Object.create(null), {
    get(_, name, instance: object): unknown {
      if (typeof name !== "string" || ASKED_OF_ANY.has(name)) return undefined;
      const value = (...args: unknown[]) => call(name, args);
      Object.defineProperty(instance, name, { value });
      return value;
    },
    set: () => false, // all who have the handle have this object
  });
  return Object.create(unmet);
}
