/**
 * What the partitioned maps of one definition are made of, on one thread.
 *
 * @module
 */

import type { ServiceDefinition } from "../../shard/mod.ts";
import {
  codec,
  type MapKeyType,
  type MapParts,
  type MapValueType,
  partsOf,
  type ValueCodec,
} from "../map/mod.ts";
import type { Partition } from "./partition.ts";

/** A function of a definition that makes a new value of the one before. */
export interface Update {
  readonly name: string;
  readonly run: (value: unknown, ...args: unknown[]) => unknown;
}

/** Checked options of a definition. */
export interface RecipeOptions {
  readonly key: MapKeyType;
  readonly value: MapValueType;
  readonly updates?: unknown;
  readonly dispose?: unknown;
}

/**
 * What a definition says, on this thread. Values travel *packed*: what a codec has made of one, on the thread
 * of the caller, and what a view of a struct holds.
 */
export class Recipe {
  /** What the map is called in errors. */
  readonly name: string;
  /** Names the definition on the wire. */
  readonly fingerprint: bigint;
  /** The map of each shard: it takes packed values, and gives them as they are. */
  readonly parts: MapParts;
  /** The service that owns the parts. */
  readonly service: ServiceDefinition<[], Partition>;
  /** Whether values are numbers or bigints, which can be added. */
  readonly isNumeric: boolean;
  /** The updates, in the order of the definition, which is the same on every thread. */
  readonly updates: readonly Update[];
  readonly #typeName: string | undefined;
  readonly #codec: ValueCodec<unknown> | undefined;

  /**
   * @param define Defines the service.
   * @throws {TypeError} If an option is of the wrong kind.
   */
  constructor(
    module: string,
    name: string,
    options: RecipeOptions,
    define: (recipe: Recipe) => ServiceDefinition<[], Partition>,
  ) {
    const { key, value, updates, dispose } = options ?? {};
    this.name = name;
    this.fingerprint = fingerprintOf(`${module}#${name}`);
    this.#codec = value?.kind === "codec" ? value : undefined;
    const { kind, name: typeName } = value ?? {};
    this.#typeName = kind === "scalar" ? typeName : undefined;
    this.isNumeric = kind === "scalar" && typeName !== "bool";
    this.parts = partsOf(name, {
      key,
      value: this.#codec === undefined ? value : codec({
        name: this.#codec.name,
        encode: (packed) => packed as Uint8Array,
        decode: this.#codec.decode,
      }),
      ...(dispose === undefined ? {} : { dispose: dispose as () => void }),
    });
    this.updates = checkUpdates(name, updates);
    this.service = define(this);
  }

  /** Whether a codec makes bytes of values. */
  get hasCodec(): boolean {
    return this.#codec !== undefined;
  }

  /** Whether the map is known to give back just this number that was set, so that it need not be read again. */
  keeps(value: unknown): boolean {
    switch (this.#typeName) {
      case "f64":
        return true;
      case "u32":
        return Object.is((value as number) >>> 0, value);
      case "i32":
        return Object.is((value as number) | 0, value);
      default:
        return false;
    }
  }

  /** A value as it travels. What a codec throws is thrown. */
  pack(value: unknown): unknown {
    if (this.#codec !== undefined) return this.#codec.encode(value);
    // A view lies in the slice of somebody, and does not travel.
    if (typeof value !== "object" || value === null || !("toJSON" in value)) return value;
    return (value as { toJSON(): unknown }).toJSON();
  }

  /** The value of one that has travelled. */
  unpack(packed: unknown): unknown {
    if (this.#codec === undefined || packed === undefined) return packed;
    return this.#codec.decode(packed as Uint8Array<ArrayBuffer>);
  }

  /**
   * The number of the update of that name, which travels in its place.
   *
   * @throws {TypeError} If there is none.
   */
  indexOf(name: string): number {
    const index = this.updates.findIndex((update) => update.name === name);
    if (index >= 0) return index;
    const known = this.updates.map((update) => `"${update.name}"`).join(", ");
    throw new TypeError(
      `Cannot update ${this.name} by ${
        typeof name === "string" ? `"${name}"` : typeof name
      }: expected the name of an update of its definition, which has ${known || "none"}`,
    );
  }
}

function checkUpdates(name: string, updates: unknown): Update[] {
  if (updates === undefined) return [];
  if (typeof updates !== "object" || updates === null) {
    throw new TypeError(
      `Cannot define the updates of ${name} as ${String(updates)}: expected an object of functions`,
    );
  }
  return Object.entries(updates).map(([key, run]) => {
    if (typeof run === "function") return { name: key, run };
    throw new TypeError(
      `Cannot define update "${key}" of ${name} as ${String(run)}: expected a function`,
    );
  });
}

/** FNV-1a (Fowler, Noll and Vo) of 64 bits. Made once a definition, and told apart from few others. */
function fingerprintOf(text: string): bigint {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash;
}

/** The definitions that modules of this thread have made, by their fingerprints. */
export const recipes: Map<bigint, Recipe> = new Map();
