/**
 * Methods of a class as types: what may be called on an object that lives elsewhere.
 *
 * @module
 */

/** The names of the methods of T; of those alone that can be called with such arguments, if any are given. */
export type MethodOf<T, Arguments extends readonly never[] = never[]> = {
  [Key in keyof T]: T[Key] extends (...args: Arguments) => unknown ? Key : never;
}[keyof T];

/** What a method of T takes. */
export type ArgumentsOf<T, Key extends keyof T> = T[Key] extends
  (...args: infer Arguments) => unknown ? Arguments
  : never;

/** What a method of T gives, once awaited. */
export type ResultOf<T, Key extends keyof T> = T[Key] extends (...args: never[]) => infer Result
  ? Awaited<Result>
  : never;
