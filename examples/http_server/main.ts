// deno-lint-ignore-file no-console -- a command-line program
/**
 * `deno task http-server`: a server in every shard, and a limit for each client that holds whichever
 * shards its requests come to.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { Runtime } from "@tidepool/core";
import { buckets, type Limit } from "./rate_limiter.ts";
import { site } from "./site.ts";

const USAGE = `Serves HTTP from every shard, with a limit for each client.

Usage: deno task http-server [options]

  --port N         the TCP port (default: 8000)
  --listen ADDR    the address to listen on (default: 127.0.0.1)
  --shards N       shards, one thread each (default: one for each core)
  --burst N        requests that a client may make at once (default: 10)
  --per-second N   and in the long run (default: 5)
  --help           this text

A client is known by its x-api-key header, or by its address. Ctrl+C stops in good order.`;

interface Settings {
  readonly hostname: string;
  readonly port: number;
  readonly shards: number;
  readonly limit: Limit;
}

async function main(commandLine: string[]): Promise<void> {
  const { values } = parseArgs({
    args: commandLine,
    options: {
      port: { type: "string", default: "8000" },
      listen: { type: "string", default: "127.0.0.1" },
      shards: { type: "string", default: String(navigator.hardwareConcurrency) },
      burst: { type: "string", default: "10" },
      "per-second": { type: "string", default: "5" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  await serve({
    hostname: values.listen,
    port: wholeNumber("port", values.port, 0, 65535),
    shards: wholeNumber("shards", values.shards, 1, 256),
    limit: {
      burst: wholeNumber("burst", values.burst, 1, 1_000_000),
      perSecond: wholeNumber("per-second", values["per-second"], 1, 1_000_000),
    },
  });
}

/** Serves until it is told to stop, or a shard dies. */
async function serve({ hostname, port, shards, limit }: Settings): Promise<void> {
  using signals = listenToSignals();
  await using runtime = await Runtime.start({ shards, memory: shards * 2 ** 24 });
  // What was started last stops first: requests under way still find their buckets.
  await using clients = await buckets.start(runtime);
  await using sites = await runtime.startSharded(site, clients, limit);

  const sharedPort = await sites.invokeOn(0, "listen", hostname, port);
  const others = Array.from({ length: shards - 1 }, (_, index) => index + 1);
  await sites.invokeOnSome(others, "listen", hostname, sharedPort);
  console.log(`Listening on http://${hostname}:${sharedPort}/ with ${shards} shards`);
  await Promise.race([signals.received, runtime.closed]);
  console.log("Stopping");
}

/** Waits for SIGINT or SIGTERM; keeps the program running until it is disposed of. */
function listenToSignals(): Disposable & { readonly received: Promise<void> } {
  const { promise: received, resolve } = Promise.withResolvers<void>();
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, resolve);
  return {
    received,
    [Symbol.dispose]() {
      for (const signal of signals) Deno.removeSignalListener(signal, resolve);
    },
  };
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new RangeError(`--${name} is "${text}": expected a whole number from ${least} to ${most}`);
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    Deno.exitCode = 1;
  }
}
