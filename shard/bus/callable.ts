/**
 * A task, as the bus sees it.
 *
 * @module
 */

/** What the bus needs to know of a task. */
export interface Callable {
  /** URL of its module. */
  readonly module: string;
  /** Its key there. */
  readonly key: string;
  /** The function, for calls to the own endpoint. */
  // deno-lint-ignore no-explicit-any -- a task of any shape.
  readonly run: (...args: any[]) => unknown;
  /** Its number on this thread. */
  readonly index: number;
}
