// deno-lint-ignore-file no-console -- a command-line program
/**
 * `deno task memcached`: a server that memcached's clients can talk to.
 *
 * @module
 */

import { parseMemorySize } from "@tidepool/core";
import { parseArgs } from "node:util";
import type { ProtocolName } from "./connection.ts";
import {
  DEFAULT_CONNECTIONS,
  LEAST_ITEM_BYTES,
  LONGEST_IDLE_SECONDS,
  MOST_CONNECTIONS,
  MOST_ITEM_BYTES,
} from "./serve_options.ts";
import { Server } from "./server.ts";

const USAGE = `Usage: deno task memcached [options]

  --port N             the TCP port (default: 11211)
  --listen ADDR        the address to listen on (default: 127.0.0.1)
  --shards N           shards, one thread each (default: one for each core)
  --memory SIZE        memory of all shards together, such as 512MiB (default: 64MiB for each shard)
  --protocol NAME      auto, ascii or binary (default: auto, by the first byte of a connection)
  --max-connections N  connections at a time; more are told so and closed (default: 1024)
  --max-item-size SIZE the largest item, from 1KiB to 1GiB and to half of a shard's memory
                       (default: 1MiB)
  --idle-timeout N     close a connection from which no command came for N seconds (default: 0, never)
  --huge-pages         memory in pages of 2 MiB; needs --allow-ffi, and says if there are none
  --trim-after N       give memory that was free for N seconds back to the system; items past their
                       time are freed as often; it takes --allow-ffi (default: 0, never)
  --disable-flush-all  answer flush_all with an error, and flush nothing
  --help               this text`;

const DEFAULT_MEMORY_BYTES = 64 * 2 ** 20;

async function main(commandLine: string[]): Promise<void> {
  const { values } = parseArgs({
    args: commandLine,
    options: {
      port: { type: "string", default: "11211" },
      listen: { type: "string", default: "127.0.0.1" },
      shards: { type: "string", default: String(navigator.hardwareConcurrency) },
      memory: { type: "string" },
      protocol: { type: "string", default: "auto" },
      "max-connections": { type: "string", default: String(DEFAULT_CONNECTIONS) },
      "max-item-size": { type: "string", default: "1MiB" },
      "idle-timeout": { type: "string", default: "0" },
      "huge-pages": { type: "boolean", default: false },
      "trim-after": { type: "string", default: "0" },
      "disable-flush-all": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const shards = wholeNumber("shards", values.shards, 1, 256);
  const server = await Server.start({
    port: wholeNumber("port", values.port, 0, 65535),
    hostname: values.listen,
    shards,
    memory: values.memory ?? shards * DEFAULT_MEMORY_BYTES,
    hugePages: values["huge-pages"],
    protocol: protocolOf(values.protocol),
    maxConnections: wholeNumber("max-connections", values["max-connections"], 1, MOST_CONNECTIONS),
    maxItemSize: itemSize(values["max-item-size"]),
    idleTimeout: wholeNumber("idle-timeout", values["idle-timeout"], 0, LONGEST_IDLE_SECONDS),
    trimAfter: wholeNumber("trim-after", values["trim-after"], 0, LONGEST_IDLE_SECONDS),
    flushEnabled: !values["disable-flush-all"],
    onRestart: (shard, cause) => console.error(`Shard ${shard} was started again:`, cause),
  });
  const [problem] = values["huge-pages"] ? server.runtime.placement(0).problems : [];
  if (problem !== undefined) console.error(`--huge-pages: ${problem}`);
  const stopped = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => stopped.resolve());
  }
  // Whoever reads this may send a signal.
  console.log(`Listening on ${values.listen}:${server.port}, ${shards} shards`);
  await Promise.race([stopped.promise, server.runtime.closed]);
  await server.stop();
  Deno.exit(0);
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new RangeError(`--${name} is "${text}": expected a whole number from ${least} to ${most}`);
}

function itemSize(text: string): number {
  const bytes = sizeOf(text);
  if (bytes >= LEAST_ITEM_BYTES && bytes <= MOST_ITEM_BYTES) return bytes;
  throw new RangeError(
    `--max-item-size is "${text}": expected a size from 1KiB to 1GiB, such as 2MiB`,
  );
}

/** Bytes of a size; NaN if it is none. */
function sizeOf(text: string): number {
  try {
    return parseMemorySize(text);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return NaN;
  }
}

function protocolOf(text: string): ProtocolName {
  if (text === "auto" || text === "ascii" || text === "binary") return text;
  throw new RangeError(`--protocol is "${text}": expected auto, ascii or binary`);
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    console.error("See deno task memcached --help");
    Deno.exit(1);
  }
}
