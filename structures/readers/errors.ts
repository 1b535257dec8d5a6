/**
 * What goes wrong with structures of other shards, as classes that a caller may want to tell apart.
 *
 * @module
 */

import { registerErrorClass } from "../../shard/mod.ts";

/** The structure is no longer there: its owner has closed it, or was itself started again. */
export class StaleStructureError extends ReferenceError {
  /** The endpoint that owned it. */
  readonly owner: number;

  /** Made by the library. */
  constructor(message: string, owner: number) {
    super(message);
    this.name = "StaleStructureError";
    this.owner = owner;
  }
}

// A task that reads one may throw it.
registerErrorClass(StaleStructureError);

/** The error of a structure whose owner was started again since it was made. */
export function ofFormerLife(name: string, owner: number): StaleStructureError {
  return new StaleStructureError(
    `${name} is no longer there: shard ${owner}, which owned it, was started again since`,
    owner,
  );
}

/** The error of a structure that its owner has closed. */
export function wasClosed(name: string, owner: number): StaleStructureError {
  return new StaleStructureError(
    `${name} is no longer there: its owner has disposed of it`,
    owner,
  );
}
