/**
 * How a shard ends, as classes that a caller may want to tell apart.
 *
 * @module
 */

/** The shard that was to answer has died; `cause` says of what. */
export class ShardCrashedError extends Error {
  /** The shard that died. */
  readonly shard: number;

  /** Made by the library. */
  constructor(shard: number, cause: unknown) {
    super(`Shard ${shard} crashed: ${describe(cause)}`, { cause });
    this.name = "ShardCrashedError";
    this.shard = shard;
  }
}

/** A shard could not be started; `cause` says why. Nothing is left running. */
export class ShardStartError extends Error {
  /** The shard that did not start. */
  readonly shard: number;

  /** Made by the library. */
  constructor(shard: number, cause: unknown) {
    super(`Cannot start shard ${shard}: ${describe(cause)}`, { cause });
    this.name = "ShardStartError";
    this.shard = shard;
  }
}

function describe(cause: unknown): string {
  return cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
}
