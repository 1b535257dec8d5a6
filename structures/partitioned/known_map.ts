/**
 * The partitioned maps that one endpoint has handles of, or parts: where the parts of each are.
 *
 * @module
 */

import type { Endpoint } from "../../shard/unstable_layers.ts";
import { SharedMapReader } from "../map/mod.ts";
import { publishedBy, StaleStructureError } from "../readers/mod.ts";
import type { Partition } from "./partition.ts";
import type { Recipe } from "./recipe.ts";

/** A part as one reads it, one's own or another's. */
export type ReadablePart = Pick<
  SharedMapReader<unknown, unknown>,
  "entries" | "get" | "has" | "read" | "size"
>;

/** One partitioned map, as one endpoint sees it. */
export class KnownMap {
  /** This shard's part, while there is one. */
  own: Partition | undefined;
  readonly #endpoint: Endpoint;
  readonly #number: number;
  /** By shard, the reader of its part, once one was asked for; and of which life of the shard that is. */
  readonly #readers: (SharedMapReader<unknown, unknown> | undefined)[] = [];
  readonly #epochs: number[] = [];

  constructor(endpoint: Endpoint, number: number) {
    this.#endpoint = endpoint;
    this.#number = number;
  }

  /**
   * The part of a shard.
   *
   * @throws {ShardCrashedError} If the shard is dead.
   * @throws {ShardRestartingError} If it is being started again, and has no part yet.
   * @throws {StaleStructureError} If the map has stopped.
   */
  part(owner: number, recipe: Recipe): ReadablePart {
    if (owner === this.#endpoint.id) {
      if (this.own === undefined) throw hasStopped(recipe.name, owner);
      return this.own.map;
    }
    const reader = this.#readers[owner];
    // One of a dead shard says what it died of; of a later life there is another part.
    if (reader !== undefined && this.#epochs[owner] === this.#endpoint.epochOf(owner)) {
      return reader;
    }
    return this.#find(owner, recipe);
  }

  #find(owner: number, recipe: Recipe): ReadablePart {
    const endpoint = this.#endpoint;
    const address = publishedBy(endpoint, owner, this.#number);
    if (address === 0) throw this.#whyNone(owner, recipe.name);
    let reader: SharedMapReader<unknown, unknown>;
    try {
      reader = new SharedMapReader(recipe.parts, endpoint, address);
    } catch (error) {
      // The owner may have closed it since.
      if (publishedBy(endpoint, owner, this.#number) === address) throw error;
      throw this.#whyNone(owner, recipe.name);
    }
    this.#readers[owner] = reader;
    this.#epochs[owner] = endpoint.epochOf(owner);
    return reader;
  }

  #whyNone(owner: number, name: string): Error {
    const shut = this.#endpoint.bus.whyShut(owner);
    return shut ?? hasStopped(name, owner);
  }
}

/** How many names of maps that have stopped are kept, for messages to those who call them late. */
const MAX_FORMER_NAMES = 256;

/** The partitioned maps of one endpoint, a part of it: see `Endpoint.part()`. */
export class KnownMaps {
  readonly #endpoint: Endpoint;
  readonly #maps = new Map<number, KnownMap>();
  readonly #formerNames = new Map<number, string>();

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /** That of a service, by its number. */
  of(number: number): KnownMap {
    return this.#maps.get(number) ?? this.#meet(number);
  }

  #meet(number: number): KnownMap {
    const map = new KnownMap(this.#endpoint, number);
    this.#maps.set(number, map);
    return map;
  }

  /** The map has stopped. Handles keep what they have of it. */
  forget(number: number, name: string): void {
    const map = this.#maps.get(number);
    if (map !== undefined) map.own = undefined;
    this.#maps.delete(number);
    const names = this.#formerNames;
    names.set(number, name);
    if (names.size > MAX_FORMER_NAMES) names.delete(names.keys().next().value!);
  }

  /** The name of a map that has stopped, as far as it is known here. */
  nameOf(number: number): string {
    return this.#formerNames.get(number) ?? `partitioned map ${number}`;
  }
}

function hasStopped(name: string, owner: number): StaleStructureError {
  return new StaleStructureError(
    `Cannot read ${name}: shard ${owner} has no part of it, as it has stopped`,
    owner,
  );
}
