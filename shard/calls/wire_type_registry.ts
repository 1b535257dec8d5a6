/**
 * The classes that travel as themselves: pointers of the layer above, and the errors of all layers.
 *
 * @module
 */

import {
  BadAllocError,
  DoubleFreeError,
  HeapCheckError,
  InvalidAddressError,
} from "../../allocator/mod.ts";
import { BusyError, MessageMemoryError, StoppedError } from "../bus/mod.ts";
import { registerErrorClass, type WireType } from "../codec/mod.ts";
import type { Endpoint } from "./endpoint.ts";
import {
  GateClosedError,
  NoReplicaError,
  NoShardedInstanceError,
  ShardCrashedError,
  ShardRestartingError,
  ShardStartError,
} from "./errors.ts";

/**
 * A class of an upper layer whose objects travel as themselves.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export interface WireTypeDefinition {
  /** Unique, and the same on every thread. */
  readonly name: string;
  /** URL of the module that registers it: every shard imports it before it is ready. */
  readonly module: string;
  /** The wire type as one endpoint uses it. */
  readonly bind: (endpoint: Endpoint) => WireType<object>;
}

// About classes, which all runtimes of a thread have in common; `bind` makes what is of one endpoint.
const definitions = new Map<string, WireTypeDefinition>();

/**
 * Teaches a class to the bus of every endpoint that is made after this.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export function registerWireType(definition: WireTypeDefinition): void {
  if (definitions.has(definition.name)) {
    throw new RangeError(`Cannot register wire type "${definition.name}" a second time`);
  }
  definitions.set(definition.name, definition);
}

/** What the host tells a shard of a wire type. */
export interface WireTypeName {
  /** As registered. */
  readonly name: string;
  /** Where from. */
  readonly module: string;
}

/** The wire types of `endpoint`, numbered as in `names`. */
export function bindWireTypes(
  endpoint: Endpoint,
  names: readonly WireTypeName[],
): WireType<object>[] {
  return names.map(({ name }) => definitions.get(name)!.bind(endpoint));
}

/** The wire types known here, in the order that gives them their numbers on the wire. */
export function wireTypeNames(): WireTypeName[] {
  return [...definitions.values()].map(({ name, module }) => ({ name, module }));
}

for (
  const errorClass of [
    BadAllocError,
    BusyError,
    DoubleFreeError,
    GateClosedError,
    HeapCheckError,
    InvalidAddressError,
    MessageMemoryError,
    NoReplicaError,
    NoShardedInstanceError,
    ShardCrashedError,
    ShardRestartingError,
    ShardStartError,
    StoppedError,
  ]
) registerErrorClass(errorClass);
