/**
 * One shard's part of a partitioned map: the instance of a service.
 *
 * Each method returns before another can begin, so that nothing comes between the read and the write of an
 * update.
 *
 * @module
 */

import { containerOf } from "../../shard/mod.ts";
import { localEndpoint } from "../../shard/unstable_layers.ts";
import { SharedMap } from "../map/mod.ts";
import { Published } from "../readers/mod.ts";
import { KnownMaps } from "./known_map.ts";
import type { Recipe } from "./recipe.ts";

/** The part of one shard. Values come and go packed: see recipe.ts. */
export class Partition implements Disposable {
  /** Its entries. */
  readonly map: SharedMap<unknown, unknown>;
  readonly #recipe: Recipe;
  #number: number | undefined;

  /** Made on each shard by a definition. */
  constructor(recipe: Recipe) {
    this.#recipe = recipe;
    this.map = new SharedMap(recipe.parts, localEndpoint());
  }

  /** Lets others find it. */
  init(): void {
    const endpoint = localEndpoint();
    const number = containerOf<Partition>(this)["number"];
    try {
      endpoint.part(Published).add(number, this.map.address);
    } catch (error) {
      this.map[Symbol.dispose]();
      throw error;
    }
    this.#number = number;
    endpoint.part(KnownMaps).of(number).own = this;
  }

  /** Sets one entry. */
  set(key: unknown, packed: unknown): void {
    this.map.set(key, packed);
  }

  /** Sets several, in their order, up to the first that fails. */
  setMany(keys: readonly unknown[], packed: readonly unknown[]): void {
    for (let i = 0; i < keys.length; i++) this.map.set(keys[i], packed[i]);
  }

  /** Deletes one entry; whether there was one. */
  delete(key: unknown): boolean {
    return this.map.delete(key);
  }

  /** Deletes all. */
  clear(): void {
    this.map.clear();
  }

  /** Adds to a number, or to 0 if there is none; gives the sum. */
  add(key: unknown, amount: number | bigint): unknown {
    const { map } = this;
    const value = map.get(key) as number | undefined;
    // Both are numbers, or both bigints: else JavaScript refuses.
    const sum = value === undefined ? amount : value + (amount as number);
    map.set(key, sum);
    return this.#recipe.keeps(sum) ? sum : map.get(key);
  }

  /** Sets what an update makes of the value, or deletes the entry if that is undefined; gives the new value. */
  update(key: unknown, index: number, args: readonly unknown[]): unknown {
    const { map } = this;
    const recipe = this.#recipe;
    const { name, run } = recipe.updates[index]!;
    const value = run(map.get(key), ...args);
    if (value === undefined) {
      map.delete(key);
      return undefined;
    }
    if (typeof (value as { readonly then?: unknown } | null)?.then === "function") {
      throw new TypeError(
        `Cannot update ${recipe.name} by "${name}": it returned a promise, and another update could come ` +
          "before that is done; expected a value",
      );
    }
    const packed = recipe.pack(value);
    map.set(key, packed);
    return recipe.hasCodec || recipe.keeps(packed) ? packed : map.get(key);
  }

  /** The map has stopped. */
  [Symbol.dispose](): void {
    const endpoint = localEndpoint();
    const number = this.#number;
    if (number !== undefined) {
      endpoint.part(Published).delete(number);
      endpoint.part(KnownMaps).forget(number, this.#recipe.name);
    }
    this.map[Symbol.dispose]();
  }
}
