/**
 * A server for tests, which knows which of its shards serves a connection and which has a key, and
 * tells when a shard is back.
 *
 * @module
 */

import { assert } from "@std/assert";
import { hashOf, homeOf } from "../../../examples/memcached/key_hash.ts";
import type { GivenOptions } from "../../../examples/memcached/serve_options.ts";
import { Server } from "../../../examples/memcached/server.ts";
import { statsTasks } from "../../../examples/memcached/stats_tasks.ts";
import { bytesOf, Client, isClosedByServer } from "./client.ts";
import { sabotageTasks } from "./sabotage_tasks.ts";

/** Far more connections than it takes until each shard has been given one. */
const MOST_CONNECTIONS = 1000;

/** The home shard of a key. */
export function homeOfKey(key: string, shardCount: number): number {
  return homeOf(hashOf(bytesOf(key), 0, key.length), shardCount);
}

/** The first of `prefix0`, `prefix1`, … that is at home on `shard`. */
export function keyAtHomeOn(shard: number, shardCount: number, prefix = "key"): string {
  for (let i = 0;; i++) {
    if (homeOfKey(`${prefix}${i}`, shardCount) === shard) return `${prefix}${i}`;
  }
}

/** Who is told next that a shard is back. */
interface RestartListener {
  tell(shard: number): void;
}

/** A running server, and its connections. */
export class TestServer implements AsyncDisposable {
  readonly server: Server;
  readonly #onRestart: RestartListener;

  private constructor(server: Server, onRestart: RestartListener) {
    this.server = server;
    this.#onRestart = onRestart;
  }

  /** Starts one with so many shards, on a port of its own. */
  static async start(
    shards: number,
    memoryPerShard = 8 * 2 ** 20,
    options: GivenOptions = {},
  ): Promise<TestServer> {
    const onRestart: RestartListener = { tell: () => {} };
    const server = await Server.start({
      ...options,
      port: 0,
      shards,
      memory: memoryPerShard * shards,
      onRestart: (shard) => onRestart.tell(shard),
    });
    return new TestServer(server, onRestart);
  }

  get port(): number {
    return this.server.port;
  }

  get shardCount(): number {
    return this.server.runtime.shardCount;
  }

  connect(): Promise<Client> {
    return Client.connect(this.port);
  }

  /** A connection that is served by that shard: the kernel decides, so several may be tried. */
  async connectTo(shard: number): Promise<Client> {
    for (let tries = 0; tries < MOST_CONNECTIONS; tries++) {
      const client = await this.connect();
      try {
        await client.ask("version\r\n"); // then it has been accepted
      } catch (error) {
        if (!isClosedByServer(error)) throw error; // by a shard that was dying, and so another
      }
      const served = await this.server.runtime.submitTo(shard, statsTasks.connections);
      if (served.some(({ address }) => address === client.address)) return client;
      client[Symbol.dispose]();
    }
    throw new Error(`None of ${MOST_CONNECTIONS} connections went to shard ${shard}`);
  }

  /** Crashes a shard, and waits until it serves again. */
  async crash(shard: number, how: "throw" | "close" = "throw"): Promise<void> {
    const again = Promise.withResolvers<number>();
    this.#onRestart.tell = again.resolve;
    const crashed = this.server.runtime.submitTo(shard, sabotageTasks.crash, how);
    const error = await crashed.then(() => undefined, (reason: unknown) => reason);
    assert(error instanceof Error, "a shard that crashes answers nothing");
    const restarted = await Promise.race([again.promise, this.server.runtime.closed]);
    assert(restarted === shard, `shard ${shard} was crashed, ${restarted} came back`);
  }

  /** The figures that `stats` and what follows it give, by name. */
  async stats(client: Client, words = ""): Promise<Map<string, string>> {
    const text = await client.ask(`stats${words}\r\n`, "END\r\n");
    return new Map(
      text.split("\r\n").filter((line) => line.startsWith("STAT ")).map((line) => {
        const [, name, ...value] = line.split(" ");
        return [name!, value.join(" ")];
      }),
    );
  }

  /** Asks for a figure until it is as wanted. */
  async until(
    client: Client,
    name: string,
    isWanted: (value: number) => boolean,
  ): Promise<number> {
    for (;;) {
      const value = Number((await this.stats(client)).get(name));
      if (isWanted(value)) return value;
    }
  }

  /** Stops it; then every heap must be in order. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
    for (let shard = 0; shard < this.shardCount; shard++) this.server.runtime.checkHeap(shard);
  }
}
