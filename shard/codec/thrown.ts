/**
 * What somebody else's code has thrown, read without trusting it. Its getters may throw, it may be a
 * Proxy whose traps do, and none of that may hide that it was thrown, or kill the thread that says so.
 * Every place of the library that looks into such a value does so by these functions.
 *
 * @module
 */

/** Whether something thrown is an error; a Proxy that does not let itself be asked is none. */
export function isError(thrown: unknown): thrown is Error {
  try {
    return thrown instanceof Error;
  } catch {
    return false;
  }
}

/** The member `key`; undefined where it cannot be read. */
export function memberOf(thrown: object, key: PropertyKey): unknown {
  try {
    return Reflect.get(thrown, key);
  } catch {
    return undefined;
  }
}

/** The error's message if it is text; what keeps it from being read, in its place. */
export function messageOf(error: Error): string | undefined {
  try {
    const message: unknown = error.message;
    return typeof message === "string" ? message : undefined;
  } catch (trouble) {
    return `its message cannot be read: ${plainTextOf(trouble)}`;
  }
}

/** The error's name if it is text, else that of its class. */
export function nameOf(error: Error): string {
  const name = memberOf(error, "name");
  return typeof name === "string" ? name : classNameOf(error) ?? "Error";
}

/**
 * The name of an object's class if it has one, even if its getters throw. O(1).
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export function classNameOf(object: object): string | undefined {
  const constructor = memberOf(object, "constructor");
  const name = typeof constructor === "function" ? memberOf(constructor, "name") : undefined;
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** The text of whatever was thrown; also of what throws when it is asked for its text. */
export function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return isError(thrown) ? causeOf(thrown) : NO_TEXT;
  }
}

/**
 * What was thrown, as messages name their cause: name and message of an error, whatever text it makes
 * of itself; of anything else its text.
 */
export function causeOf(thrown: unknown): string {
  return isError(thrown) ? `${nameOf(thrown)}: ${messageOf(thrown) ?? ""}` : textOf(thrown);
}

const NO_TEXT = "something thrown that has no text";

/** The same without a second attempt: what getters throw may throw from its getters again, endlessly. */
function plainTextOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return NO_TEXT;
  }
}

/** The beginning of a text that is too long, which says how much of it is missing. */
export function shortened(text: string, maxCharacters: number): string {
  const missing = text.length - maxCharacters;
  return missing <= 0 ? text : `${text.slice(0, maxCharacters)}… (and ${missing} more characters)`;
}

/** The keys of an error's own fields, as far as it lets itself be asked. */
export function keysOf(error: Error): string[] {
  try {
    return Object.keys(error);
  } catch {
    return [];
  }
}

/** The own field `key` of an error, as far as it lets itself be asked. */
export function descriptorOf(error: Error, key: string): PropertyDescriptor | undefined {
  try {
    return Object.getOwnPropertyDescriptor(error, key);
  } catch {
    return undefined;
  }
}
