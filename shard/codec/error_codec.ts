/**
 * Which class an error is on the wire, and how an error is made again. After structured clone, but
 * whole: structured clone drops subclasses, names, fields of one's own and `AggregateError.errors`.
 *
 * ```
 * u8      built-in class: its index in BUILT_IN_CLASSES
 * u8      number of registered classes, then their names as text, the most derived first
 * values  name, message, stack: text, or undefined
 * u32     number of fields, then of each: u8 enumerable, key as text, value
 * ```
 *
 * @module
 */

import { kindOfValue } from "./kind_of_value.ts";
import { isError, memberOf, messageOf, nameOf, shortened, textOf } from "./thrown.ts";

/** Any class of errors. */
// deno-lint-ignore no-explicit-any -- a constructor of any shape.
export type ErrorClass = new (...args: any[]) => Error;

/** Characters of the name of a bare error. */
const MAX_NAME_CHARACTERS = 100;

/** The classes that every shard knows; the index here is the number on the wire. */
const BUILT_IN_CLASSES: readonly ErrorClass[] = [
  Error,
  EvalError,
  RangeError,
  ReferenceError,
  SyntaxError,
  TypeError,
  URIError,
  AggregateError,
  SuppressedError,
  DOMException,
];

const DOM_EXCEPTION = BUILT_IN_CLASSES.indexOf(DOMException);

/** Own properties of errors that travel although they are not enumerable. */
export const HIDDEN_FIELDS: readonly string[] = [
  "cause",
  "errors",
  "error",
  "suppressed",
  "name",
  "message",
];

const classesByName = new Map<string, ErrorClass>();

/**
 * Makes errors of this class arrive as errors of this class. Both shards have to register it, under
 * the same name; where only the sender has, the error arrives as the nearest class known. The
 * constructor is not run again: prototype and fields are restored, private state is not.
 *
 * @param errorClass the class, which has a name and extends Error
 * @throws {TypeError} not a class of errors, or one without a name
 * @throws {RangeError} another class is registered under that name
 *
 * @example
 * ```ts
 * import { defineTasks, registerErrorClass } from "@tidepool/core";
 *
 * export class QuotaError extends RangeError {
 *   override name = "QuotaError";
 * }
 * // In the module of the tasks, which host and shards import alike.
 * registerErrorClass(QuotaError);
 *
 * export const quota = defineTasks(import.meta.url, {
 *   spend: (units: number) => {
 *     if (units > 100) throw new QuotaError(`Cannot spend ${units} units: expected 100 at most`);
 *   },
 * });
 * ```
 */
export function registerErrorClass(errorClass: ErrorClass): void {
  if (
    typeof errorClass !== "function" ||
    !(errorClass.prototype instanceof Error) && errorClass !== Error
  ) {
    const shown = typeof errorClass === "function"
      ? `"${errorClass.name}"`
      : `what is ${kindOfValue(errorClass)}`;
    throw new TypeError(
      `Cannot register ${shown} as an error class: expected a class extending Error`,
    );
  }
  if (BUILT_IN_CLASSES.includes(errorClass)) return;
  const name = errorClass.name;
  if (name === "") {
    throw new TypeError("Cannot register an error class without a name: expected a named class");
  }
  const known = classesByName.get(name);
  if (known === errorClass) return;
  if (known !== undefined) {
    throw new RangeError(
      `Cannot register error class "${name}" as another class has the name: ` +
        "expected a name of its own",
    );
  }
  classesByName.set(name, errorClass);
}

/**
 * The classes of an error, the most derived first.
 *
 * @param error the error
 * @param names receives the names of its registered classes
 * @returns number of the nearest built-in class
 */
export function classify(error: Error, names: string[]): number {
  try {
    return classOf(error, names);
  } catch {
    return 0; // a Proxy that does not let itself be asked: what was found so far will do
  }
}

function classOf(error: Error, names: string[]): number {
  for (
    let prototype: unknown = Object.getPrototypeOf(error);
    prototype !== null && typeof prototype === "object";
    prototype = Object.getPrototypeOf(prototype)
  ) {
    const builtIn = BUILT_IN_CLASSES.findIndex((known) => known.prototype === prototype);
    if (builtIn >= 0) return builtIn;
    const constructor = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value;
    if (typeof constructor === "function" && classesByName.get(constructor.name) === constructor) {
      names.push(constructor.name);
    }
  }
  return 0;
}

/** Whether `builtIn` is the number of a built-in class. */
export function isBuiltIn(builtIn: number): boolean {
  return builtIn < BUILT_IN_CLASSES.length;
}

/**
 * Makes an error of the first class in `names` that this shard knows, else of the built-in class.
 * Its stack and fields are still to be restored.
 */
export function rebuild(
  builtIn: number,
  names: readonly string[],
  name: string | undefined,
  message: string | undefined,
): Error {
  const nearest = BUILT_IN_CLASSES[builtIn]!;
  // DOMException keeps name and message inside; every other error is made by the one constructor
  // that has no duties, and then told its class.
  const error = builtIn === DOM_EXCEPTION ? new DOMException(message, name) : new Error();
  const registered = names.find((known) => classesByName.has(known));
  const prototype = registered === undefined
    ? nearest.prototype
    : classesByName.get(registered)!.prototype;
  if (Object.getPrototypeOf(error) !== prototype) Object.setPrototypeOf(error, prototype);
  // A class may have getters for these, which throw as its private fields are absent.
  if (name !== undefined && memberOf(error, "name") !== name) hide(error, "name", name);
  if (message !== undefined && memberOf(error, "message") !== message) {
    hide(error, "message", message);
  }
  return error;
}

/**
 * What can always travel of an error: its class, and the beginnings of its message and its stack,
 * which say how much of them is missing. Of anything else that was thrown, an error with its text.
 */
export function bareError(thrown: unknown, maxCharacters: number): Error {
  if (!isError(thrown)) return new Error(shortened(textOf(thrown), maxCharacters));
  const stack = memberOf(thrown, "stack");
  return Object.create(Object.getPrototypeOf(thrown), {
    name: { value: shortened(nameOf(thrown), MAX_NAME_CHARACTERS) },
    message: { value: shortened(messageOf(thrown) ?? "", maxCharacters) },
    stack: { value: typeof stack === "string" ? shortened(stack, maxCharacters) : undefined },
  });
}

/** Gives the error the sender's stack in place of the one of its making here. */
export function restoreStack(error: Error, stack: string | undefined): void {
  hide(error, "stack", stack);
}

function hide(error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, {
    value,
    writable: true,
    configurable: true,
    enumerable: false,
  });
}
