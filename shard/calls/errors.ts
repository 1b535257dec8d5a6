/**
 * What goes wrong with shards and what runs on them, as classes that a caller may want to tell apart.
 *
 * @module
 */

import { causeOf } from "../codec/mod.ts";

/** The shard that was to answer has died; `cause` says of what. */
export class ShardCrashedError extends Error {
  /** The shard that died. */
  readonly shard: number;

  /** Made by the library. `isLast` says that the shard is not started again, as it has died too often. */
  constructor(shard: number, cause: unknown, isLast = false) {
    const often = isLast ? "; it is not started again, as it has died too often" : "";
    super(`Shard ${shard} crashed: ${causeOf(cause)}${often}`, { cause });
    this.name = "ShardCrashedError";
    this.shard = shard;
  }
}

/**
 * The shard is being started again, and the call was not to wait. Nothing was sent: it can be made again.
 * `cause` is what the shard had died of, as far as it is known here.
 */
export class ShardRestartingError extends Error {
  /** The shard that is being started again. */
  readonly shard: number;

  /** Made by the library. */
  constructor(shard: number, cause: unknown) {
    super(`Shard ${shard} is being started again: the call was not made`, { cause });
    this.name = "ShardRestartingError";
    this.shard = shard;
  }
}

/** A shard could not be started; `cause` says why. Nothing is left running. */
export class ShardStartError extends Error {
  /** The shard that did not start. */
  readonly shard: number;

  /** Made by the library. */
  constructor(shard: number, cause: unknown) {
    super(`Cannot start shard ${shard}: ${causeOf(cause)}`, { cause });
    this.name = "ShardStartError";
    this.shard = shard;
  }
}

/** A shard has no instance of the sharded service that was called: stopped, or never started there. */
export class NoShardedInstanceError extends Error {
  /** The shard that has none. */
  readonly shard: number;

  /** Made by the library. */
  constructor(shard: number, service: string) {
    super(
      `Sharded instance does not exist: shard ${shard} has none of ${service}, as it was stopped or never started there`,
    );
    this.name = "NoShardedInstanceError";
    this.shard = shard;
  }
}

/** A shard has no copy of a replicated value, or is no longer its home. */
export class NoReplicaError extends ReferenceError {
  /** The shard. */
  readonly shard: number;

  /** Made by the library. */
  constructor(message: string, shard: number) {
    super(message);
    this.name = "NoReplicaError";
    this.shard = shard;
  }
}

/** The gate is closed, or closing: nobody may enter any more. */
export class GateClosedError extends Error {
  /** Made by the library. */
  constructor(message: string) {
    super(message);
    this.name = "GateClosedError";
  }
}
