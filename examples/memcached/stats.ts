/**
 * `stats`: what memcached calls its figures, summed over the shards; and, under `stats shards`, the
 * items, the memory and the bus of each.
 *
 * @module
 */

import { shardCount, submitTo } from "@tidepool/core";
import { pid } from "node:process";
import { StoreCounters } from "./counters.ts";
import { MAX_ITEM_BYTES } from "./item.ts";
import { smallestOf } from "./lru.ts";
import { isShardGone } from "./router.ts";
import type { ShardServer } from "./shard_server.ts";
import { type ShardFigures, statsTasks } from "./stats_tasks.ts";
import { VERSION } from "./version.ts";

/** A figure: its name and its value. */
export type Figure = readonly [name: string, value: string];

const DETAIL_USAGE = "CLIENT_ERROR usage: stats detail on|off|dump\r\n";

/** The answer to `stats` and the words behind it, in the text protocol. */
export async function textStats(server: ShardServer, words: readonly string[]): Promise<string> {
  const [name = ""] = words;
  if (name === "detail") {
    // Figures by prefix of the keys are not kept.
    return words[1] === "on" || words[1] === "off" ? "OK\r\n" : DETAIL_USAGE;
  }
  const figures = await readFigures(server, name);
  if (figures === undefined) return "ERROR\r\n";
  if (name === "reset") return "RESET\r\n";
  return figures.map(([figure, value]) => `STAT ${figure} ${value}\r\n`).join("") + "END\r\n";
}

/**
 * The figures of that name: all in general for the empty name, none for `reset`, undefined for a name
 * that there is not.
 */
export async function readFigures(
  server: ShardServer,
  name: string,
): Promise<readonly Figure[] | undefined> {
  switch (name) {
    case "":
      return general(server, await askAll());
    case "reset":
      await eachShard((shard) => submitTo(shard, statsTasks.reset));
      return [];
    case "settings":
      return settings(server, await askAll());
    case "items":
      return classes(await askAll(), false);
    case "slabs":
      return classes(await askAll(), true);
    case "sizes":
      return [["sizes_status", "disabled"]];
    case "conns":
      return connections(
        await eachShard(async (shard) => {
          return { shard, addresses: await submitTo(shard, statsTasks.connections) };
        }),
      );
    case "shards":
      return (await askAll()).flatMap(ofShard);
  }
  return undefined;
}

/** The figures of all shards that live. */
async function askAll(): Promise<ShardFigures[]> {
  return await eachShard((shard) => submitTo(shard, statsTasks.figures));
}

async function eachShard<Result>(ask: (shard: number) => Promise<Result>): Promise<Result[]> {
  const asked = Array.from({ length: shardCount() }, (_, shard) => {
    return ask(shard).catch((error) => {
      if (isShardGone(error)) return undefined;
      throw error;
    });
  });
  return (await Promise.all(asked)).filter((result) => result !== undefined) as Result[];
}

type Sums = ShardFigures["sums"];

function sum(shards: readonly ShardFigures[], figure: keyof Sums): number {
  return shards.reduce((total, { sums }) => total + sums[figure], 0);
}

/** The names and the order of memcached's, as far as there is such a thing here. */
function general(server: ShardServer, shards: readonly ShardFigures[]): Figure[] {
  const now = Math.floor(Date.now() / 1000);
  const { rss } = Deno.memoryUsage();
  const total = (figure: keyof Sums): string => `${sum(shards, figure)}`;
  const counters = Object.keys(new StoreCounters()) as (keyof StoreCounters)[];
  return [
    ["pid", `${pid}`],
    ["uptime", `${now - server.startTime}`],
    ["time", `${now}`],
    ["version", VERSION],
    ["pointer_size", "64"],
    ["curr_connections", total("currConnections")],
    ["total_connections", total("totalConnections")],
    ["rejected_connections", total("rejectedConnections")],
    ["response_obj_oom", total("responsesOutOfMemory")],
    ...counters.map((name): Figure => [
      name,
      `${shards.reduce((all, { counters }) => all + counters[name], 0)}`,
    ]),
    ["bytes_read", total("bytesRead")],
    ["bytes_written", total("bytesWritten")],
    ["limit_maxbytes", total("memoryTotalBytes")],
    ["accepting_conns", "1"],
    ["threads", `${shardCount()}`],
    ["hash_buckets", total("buckets")],
    ["bytes", total("itemBytes")],
    ["curr_items", total("items")],
    ["memory_used", total("memoryUsedBytes")],
    ["memory_spare", total("memorySpareBytes")],
    ["rss", `${rss}`],
  ];
}

function settings(server: ShardServer, shards: readonly ShardFigures[]): Figure[] {
  const { hostname, protocol } = server.options;
  return [
    ["maxbytes", `${sum(shards, "memoryTotalBytes")}`],
    ["tcpport", `${server.port}`],
    ["udpport", "0"],
    ["inter", hostname],
    ["verbosity", "0"],
    ["evictions", "on"],
    ["num_threads", `${shardCount()}`],
    ["detail_enabled", "no"],
    ["cas_enabled", "yes"],
    ["binding_protocol", protocol === "auto" ? "auto-negotiate" : protocol],
    ["auth_enabled_sasl", "no"],
    ["item_size_max", `${MAX_ITEM_BYTES}`],
    ["flush_enabled", "yes"],
    ["hash_algorithm", "fnv1a"],
    ["lru_segmented", "no"],
  ];
}

/** Every connection: its client's address, and the shard that serves it. */
function connections(
  shards: readonly { readonly shard: number; readonly addresses: readonly string[] }[],
): Figure[] {
  const all = shards.flatMap(({ shard, addresses }) =>
    addresses.map((address) => ({ shard, address }))
  );
  return all.flatMap(({ shard, address }, index): Figure[] => [
    [`${index}:addr`, `tcp:${address}`],
    [`${index}:shard`, `${shard}`],
  ]);
}

/** The size classes that have items: `items` by their use, `slabs` by their memory. */
function classes(shards: readonly ShardFigures[], asSlabs: boolean): Figure[] {
  const counts = new Map<number, number>();
  for (const { classCounts } of shards) {
    for (const [sizeClass, count] of classCounts) {
      counts.set(sizeClass, (counts.get(sizeClass) ?? 0) + count);
    }
  }
  const figures: Figure[] = [];
  for (const [sizeClass, count] of [...counts].sort(([a], [b]) => a - b)) {
    if (asSlabs) {
      figures.push([`${sizeClass}:chunk_size`, `${smallestOf(sizeClass)}`]);
      figures.push([`${sizeClass}:used_chunks`, `${count}`]);
    } else figures.push([`items:${sizeClass}:number`, `${count}`]);
  }
  if (!asSlabs) return figures;
  figures.push(["active_slabs", `${counts.size}`]);
  figures.push(["total_malloced", `${sum(shards, "memoryUsedBytes")}`]);
  return figures;
}

/** Everything that one shard tells, each figure under its number. */
function ofShard({ shard, sums, bus }: ShardFigures): Figure[] {
  return Object.entries({ ...sums, ...bus }).map((
    [name, value],
  ) => [`${shard}:${snakeCase(name)}`, `${value}`]);
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
