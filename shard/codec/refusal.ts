/**
 * What cannot travel, and where in the message it was found. The path is built while the refusal
 * passes through the levels of the walk, innermost step first, so that a message without one pays
 * nothing for it.
 *
 * @module
 */
import { isStructView } from "../../allocator/mod.ts";

const SHOWN_STEPS = 16;
const IDENTIFIER = /^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u;

/**
 * Of an object that does not travel, the name of the member to send in its place. A key that no class of a
 * program has.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export const SENT_BY: unique symbol = Symbol("sent by");

/** Thrown inside the walk alone; `toError()` is what the caller sees. */
export class Refusal {
  readonly #reason: string;
  readonly #tooDeep: boolean;
  readonly #own: Error | undefined;
  readonly #steps: string[] = [];

  /**
   * @param reason follows "Cannot send … as"
   * @param tooDeep whether it is a matter of range, not of kind
   * @param own the error to throw in place of ours, with the path: a wire type's, which may have a class
   *   of its own
   */
  constructor(reason: string, tooDeep = false, own?: Error) {
    this.#reason = reason;
    this.#tooDeep = tooDeep;
    this.#own = own;
  }

  /** The error to throw at the caller: TypeError, or RangeError for what is too deep. */
  toError(): Error {
    const steps = this.#steps.reverse();
    const hidden = steps.length - SHOWN_STEPS;
    if (hidden > 0) steps.splice(SHOWN_STEPS / 2, hidden, `…(${hidden} steps)…`);
    const path = steps.join("");
    if (this.#own !== undefined) return Refusal.withPath(this.#own, path);
    const message = `Cannot send ${path} as ${this.#reason}`;
    return this.#tooDeep ? new RangeError(message) : new TypeError(message);
  }

  /** The error for a value at `path` that does not take a walk to find. */
  static at(path: string, reason: string, cause?: unknown): TypeError {
    return new TypeError(
      `Cannot send ${path} as ${reason}`,
      cause === undefined ? undefined : { cause },
    );
  }

  /** An error that does not say where, so that it does. Its stack begins with its message. */
  static withPath(error: Error, path: string): Error {
    const { message, stack } = error;
    error.message = `${message} (${path})`;
    if (stack !== undefined) error.stack = stack.replace(message, () => error.message);
    return error;
  }

  /** Adds one step, if `error` is a refusal; returns it, to be thrown on. */
  static passing(error: unknown, step: string): unknown {
    if (error instanceof Refusal) error.#steps.push(step);
    return error;
  }
}

/** The step to the field `key`. */
export function fieldStep(key: string): string {
  return IDENTIFIER.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`;
}

/** The step to the value of `key` in a Map. */
export function mapStep(key: unknown): string {
  if (typeof key === "string") return `.get(${JSON.stringify(key)})`;
  if (typeof key === "object" && key !== null) return `.get(${shownClassOf(key)})`;
  return `.get(${String(key)})`;
}

/** Why a function, a symbol or an object of no known kind is refused. */
export function reasonAgainst(value: unknown): string {
  if (typeof value === "function") return "a function does not travel between shards";
  if (typeof value === "symbol") return "a symbol does not travel between shards";
  if (value instanceof Promise) return "a Promise does not travel between shards: await it first";
  if (value instanceof SharedArrayBuffer) {
    return "a SharedArrayBuffer does not travel between shards: share memory through the segment";
  }
  const className = shownClassOf(value as object);
  if (isStructView(value as object)) {
    return `a view of ${className} does not travel between shards: send its address to share what it ` +
      "shows, its toJSON() to copy it, or makeForeign() of it to give it away";
  }
  const refused = `an object of class ${className} does not travel between shards`;
  const { [SENT_BY]: sentBy } = value as { readonly [SENT_BY]?: string };
  if (sentBy !== undefined) return `${refused}: send its ${sentBy}`;
  // Atomic fields and flags, and whatever else a program has that tells its plain form. What the
  // platform has, as URL, is not plainer by it.
  const isOfProgram = !(className in globalThis) && Symbol.toStringTag in (value as object);
  return isOfProgram && "toJSON" in (value as object)
    ? `${refused}: send its toJSON(), a copy`
    : refused;
}

/** The name of an object's class, for messages. */
function shownClassOf(value: object): string {
  const constructor: unknown = value.constructor;
  if (typeof constructor === "function" && constructor.name !== "" && constructor !== Object) {
    return constructor.name;
  }
  return Object.prototype.toString.call(value).slice("[object ".length, -1);
}
