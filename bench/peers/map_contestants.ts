// deno-lint-ignore-file no-import-prefix -- fetched by who compares, not by everyone
/**
 * Maps of strings to numbers, of one thread and in shared memory, as the comparison of structures asks them.
 *
 * @module
 */
import type { Runtime } from "@tidepool/core";
import { mapTasks, Numbers } from "./map_tasks.ts";

/** A map that holds the keys of the comparison. */
export interface MapContestant {
  /** The value of a key, as this map gives it. */
  readonly get: (key: string) => unknown;
  /** Sets the value of a key; left out by those that only read. */
  readonly set?: (key: string, value: number) => void;
}

const PATIENCE_MS = 10_000;

/** A map of one thread, on its heap. */
export function openMap(keys: readonly string[]): MapContestant {
  const map = new Map<string, number>();
  return filled({
    get: (key) => map.get(key),
    set: (key, value) => {
      map.set(key, value);
    },
  }, keys);
}

/** A shared map of this thread's own. */
export function openOwned(runtime: Runtime, keys: readonly string[]): MapContestant {
  const map = Numbers.make(runtime);
  return filled({
    get: (key) => map.get(key),
    set: (key, value) => {
      map.set(key, value);
    },
  }, keys);
}

/** A shared map of shard 0, as this thread reads it. */
export async function openReader(
  runtime: Runtime,
  keys: readonly string[],
): Promise<MapContestant> {
  const map = Numbers.reader(runtime, await runtime.submitTo(0, mapTasks.open, keys.length));
  return { get: (key) => map.get(key) };
}

/** What is common to the peers' classes that look like a map. */
interface MapLike {
  get(key: string): unknown;
  set(key: string, value: number): unknown;
}

/** `npm:sharedmap`: takes a lock for each access, and keeps text. */
export async function openSharedMap(keys: readonly string[]): Promise<MapContestant> {
  const { default: SharedMap } = await import("npm:sharedmap@1.2.0");
  const Class = SharedMap as unknown as new (size: number, key: number, value: number) => MapLike;
  return filledBy(new Class(keys.length * 2, 16, 16), keys);
}

/** `ShareableMap` of `npm:shared-memory-datastructures`: no lock, and no deletion; keeps JSON. */
export async function openShareableMap(keys: readonly string[]): Promise<MapContestant> {
  const module = await import("npm:shared-memory-datastructures@0.1.9");
  const { ShareableMap } = (module.default ?? module) as unknown as {
    ShareableMap: new (size: number, valueBytes: number) => MapLike;
  };
  return filledBy(new ShareableMap(keys.length, 32), keys);
}

/** `npm:@bnaya/objectbuffer`: a proxy of an object in a buffer. */
export async function openObjectBuffer(keys: readonly string[]): Promise<MapContestant> {
  const { createObjectBuffer } = await import("npm:@bnaya/objectbuffer@0.10.1");
  const create = createObjectBuffer as unknown as (
    external: object,
    byteLength: number,
    initial: object,
    options: object,
  ) => Record<string, number>;
  const object = create(
    { textEncoder: new TextEncoder(), textDecoder: new TextDecoder() },
    1 << 26,
    {},
    { useSharedArrayBuffer: true },
  );
  return filled({
    get: (key) => object[key],
    set: (key, value) => {
      object[key] = value;
    },
  }, keys);
}

function filledBy(map: MapLike, keys: readonly string[]): MapContestant {
  return filled({
    get: (key) => map.get(key),
    set: (key, value) => {
      map.set(key, value);
    },
  }, keys);
}

/** Sets all keys. A contestant that takes so long for it is left out. */
function filled(map: MapContestant, keys: readonly string[]): MapContestant {
  const begin = performance.now();
  keys.forEach((key, index) => {
    map.set!(key, index);
    if (index % 64 > 0 || performance.now() - begin < PATIENCE_MS) return;
    throw new Error(`It holds ${index} of ${keys.length} keys after ${PATIENCE_MS / 1000} s`);
  });
  return map;
}
