/**
 * `stats`: what memcached calls its figures, summed over the shards; and, under `stats shards`, the
 * items, the memory and the bus of each.
 *
 * @module
 */

import { shardCount, submitTo } from "@tidepool/core";
import { cpuUsage, pid } from "node:process";
import { StoreCounters } from "./counters.ts";
import { classNumberOf, smallestOf } from "./lru.ts";
import { prefixText } from "./prefix_counts.ts";
import { isShardGone } from "./router.ts";
import type { ShardServer } from "./shard_server.ts";
import { type ClientFigures, type ShardFigures, statsTasks } from "./stats_tasks.ts";
import { VERSION } from "./version.ts";

/** A figure: its name and its value. */
export type Figure = readonly [name: string, value: string];

/** What the lines about the items of one class take at most; memcached has room for 2 MiB. */
const MOST_DUMP_BYTES = 2 ** 17;
/** Bytes of a bucket of the hash table. */
const BUCKET_BYTES = 4;

/**
 * The figures of that name: all in general for the empty name, none for what only sets something,
 * undefined for a name that there is not.
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
    case "sizes_disable":
      return [["sizes_status", "disabled"]];
    case "conns":
      return connections(
        server,
        await eachShard(async (shard) => {
          return { shard, clients: await submitTo(shard, statsTasks.connections) };
        }),
      );
    case "shards":
      return (await askAll()).flatMap(ofShard);
    case "detail on":
    case "detail off":
      await eachShard((shard) => submitTo(shard, statsTasks.setDetail, name === "detail on"));
      return [];
    case "detail dump":
      return [["detailed", await detailText()]];
  }
  return undefined;
}

/** The answer to `stats detail dump` in the text protocol. */
export async function detailText(): Promise<string> {
  return prefixText(await eachShard((shard) => submitTo(shard, statsTasks.prefixes)));
}

/** Lines about `limit` items of a class, or of all that there is room to tell of if it is 0. */
export async function classDump(sizeClass: number, limit: number): Promise<string> {
  const most = Math.floor(MOST_DUMP_BYTES / shardCount());
  const dumps = await eachShard((shard) => {
    return submitTo(shard, statsTasks.dump, sizeClass, limit, most);
  });
  const lines = dumps.flat();
  return (limit === 0 ? lines : lines.slice(0, limit)).join("");
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
  const { user, system } = cpuUsage();
  const buckets = sum(shards, "buckets");
  const total = (figure: keyof Sums): string => `${sum(shards, figure)}`;
  const counters = Object.keys(new StoreCounters()) as (keyof StoreCounters)[];
  return [
    ["pid", `${pid}`],
    ["uptime", `${now - server.startTime}`],
    ["time", `${now}`],
    ["version", VERSION],
    ["pointer_size", "64"],
    ["rusage_user", seconds(user)],
    ["rusage_system", seconds(system)],
    ["max_connections", `${server.options.maxConnections}`],
    ["curr_connections", total("currConnections")],
    ["total_connections", total("totalConnections")],
    ["rejected_connections", total("rejectedConnections")],
    ["response_obj_oom", total("responsesOutOfMemory")],
    ...counters.map((name): Figure => [
      name,
      `${shards.reduce((all, { counters }) => all + counters[name], 0)}`,
    ]),
    ["idle_kicks", total("idleKicks")],
    ["bytes_read", total("bytesRead")],
    ["bytes_written", total("bytesWritten")],
    ["limit_maxbytes", total("memoryTotalBytes")],
    ["accepting_conns", shards.every(({ isAccepting }) => isAccepting) ? "1" : "0"],
    ["listen_disabled_num", total("listenDisabled")],
    ["time_in_listen_disabled_us", total("listenDisabledMicroseconds")],
    ["threads", `${shardCount()}`],
    ["hash_power_level", `${Math.floor(Math.log2(buckets))}`],
    ["hash_bytes", `${buckets * BUCKET_BYTES}`],
    ["hash_buckets", `${buckets}`],
    ["bytes", total("itemBytes")],
    ["curr_items", total("items")],
    ["memory_used", total("memoryUsedBytes")],
    ["memory_spare", total("memorySpareBytes")],
    ["rss", `${rss}`],
  ];
}

/** Microseconds as seconds with six decimals. */
function seconds(microseconds: number): string {
  return (microseconds / 1e6).toFixed(6);
}

function settings(server: ShardServer, shards: readonly ShardFigures[]): Figure[] {
  const { hostname, protocol, maxConnections, maxItemBytes, idleTimeout, flushEnabled } =
    server.options;
  return [
    ["maxbytes", `${sum(shards, "memoryTotalBytes")}`],
    ["maxconns", `${maxConnections}`],
    ["tcpport", `${server.port}`],
    ["udpport", "0"],
    ["inter", hostname],
    ["verbosity", "0"],
    ["evictions", "on"],
    ["num_threads", `${shardCount()}`],
    ["stat_key_prefix", ":"],
    ["detail_enabled", server.prefixes === undefined ? "no" : "yes"],
    ["cas_enabled", "yes"],
    ["binding_protocol", protocol === "auto" ? "auto-negotiate" : protocol],
    ["auth_enabled_sasl", "no"],
    ["item_size_max", `${maxItemBytes}`],
    ["maxconns_fast", "yes"],
    ["flush_enabled", flushEnabled ? "yes" : "no"],
    ["dump_enabled", "yes"],
    ["hash_algorithm", "murmur3"],
    ["lru_segmented", "no"],
    ["idle_timeout", `${idleTimeout}`],
    ["track_sizes", "no"],
  ];
}

/** Every connection: its client's address, what it does, and the shard that serves it. */
function connections(
  server: ShardServer,
  shards: readonly { readonly shard: number; readonly clients: readonly ClientFigures[] }[],
): Figure[] {
  const all = shards.flatMap(({ shard, clients }) => clients.map((client) => ({ shard, client })));
  return all.flatMap(({ shard, client }, index): Figure[] => [
    [`${index}:addr`, `tcp:${client.address}`],
    [`${index}:listen_addr`, `tcp:${server.options.hostname}:${server.port}`],
    [`${index}:state`, client.isWaiting ? "conn_read" : "conn_parse_cmd"],
    [`${index}:secs_since_last_cmd`, `${client.idleSeconds}`],
    [`${index}:shard`, `${shard}`],
  ]);
}

/** The size classes that have items: `items` by their use, `slabs` by their memory. */
function classes(shards: readonly ShardFigures[], asSlabs: boolean): Figure[] {
  const all = new Map<number, { count: number; age: number }>();
  for (const { sizeClass, count, age } of shards.flatMap(({ classes }) => classes)) {
    const known = all.get(sizeClass) ?? { count: 0, age: 0 };
    all.set(sizeClass, { count: known.count + count, age: Math.max(known.age, age) });
  }
  const figures: Figure[] = [];
  for (const [sizeClass, { count, age }] of [...all].sort(([a], [b]) => a - b)) {
    const number = classNumberOf(sizeClass);
    if (asSlabs) {
      figures.push([`${number}:chunk_size`, `${smallestOf(sizeClass)}`]);
      figures.push([`${number}:used_chunks`, `${count}`]);
    } else {
      figures.push([`items:${number}:number`, `${count}`]);
      figures.push([`items:${number}:age`, `${age}`]);
    }
  }
  if (!asSlabs) return figures;
  figures.push(["active_slabs", `${all.size}`]);
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
