/**
 * What goes wrong with structures, as classes that a caller may want to tell apart.
 *
 * @module
 */

import { registerErrorClass } from "../../shard/mod.ts";

/** A queue takes no more elements: its producer has closed it, or its consumer has left. */
export class QueueClosedError extends Error {
  /** Made by the library. */
  constructor(message: string) {
    super(message);
    this.name = "QueueClosedError";
  }
}

registerErrorClass(QueueClosedError);
