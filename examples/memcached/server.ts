/**
 * The server as its host sees it: a runtime whose shards all listen on one port.
 *
 * @module
 */

import { Runtime, StoppedError } from "@tidepool/core";
import { isShardGone } from "./router.ts";
import { type GivenOptions, type ServeOptions, serveOptions } from "./serve_options.ts";
import { serverTasks } from "./shard_server.ts";

/** How to serve. */
export interface ServerOptions extends GivenOptions {
  /** Shards, each with a part of the memory and of the keys. */
  readonly shards?: number;
  /** Memory of all shards together: bytes, or text like "512MiB". */
  readonly memory?: number | string;
  /** Whether the memory is in pages of 2 MiB, where the system has them. */
  readonly hugePages?: boolean;
  /** Told of what went wrong on a shard, and that it serves again. */
  readonly onRestart?: (shard: number, cause: unknown) => void;
}

/** A running server. */
export class Server {
  /** The runtime that it runs on. */
  readonly runtime: Runtime;
  #options: ServeOptions;
  /** What is under way to have shards serve that were started again. */
  readonly #reopening = new Set<Promise<void>>();

  private constructor(runtime: Runtime, options: ServeOptions) {
    this.runtime = runtime;
    this.#options = options;
  }

  /**
   * Starts the shards, and has all of them listen.
   *
   * @throws {RangeError} If an option is out of its range.
   */
  static async start(options: ServerOptions = {}): Promise<Server> {
    const { shards, memory, hugePages, onRestart } = options;
    const served = serveOptions(options);
    const runtime = await Runtime.start({
      ...(shards === undefined ? {} : { shards }),
      ...(memory === undefined ? {} : { memory }),
      ...(hugePages ? { placement: { hugePages } } : {}),
      ...(served.trimAfter === 0 ? {} : { trimAfterMs: served.trimAfter * 1000 }),
      onCrash: "restart",
      onRestart: (shard, cause) => server.#reopen(shard, cause, onRestart),
    });
    const server = new Server(runtime, served);
    try {
      await server.#openAll();
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** The port that it listens on. */
  get port(): number {
    return this.#options.port;
  }

  /** Closes all connections, then stops the shards. */
  async stop(): Promise<void> {
    await Promise.all(this.#reopening);
    const shards = Array.from({ length: this.runtime.shardCount }, (_, shard) => shard);
    await Promise.all(shards.map((shard) => this.#close(shard)));
    await this.runtime.stop();
  }

  async #close(shard: number): Promise<void> {
    try {
      await this.runtime.submitTo(shard, serverTasks.close);
    } catch (error) {
      if (!isShardGone(error)) throw error; // its connections went with it
    }
  }

  /** Calls `stop()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** The first shard finds the port if any will do; the others join it. */
  async #openAll(): Promise<void> {
    const port = await this.#open(0);
    this.#options = { ...this.#options, port };
    for (let shard = 1; shard < this.runtime.shardCount; shard++) await this.#open(shard);
  }

  #open(shard: number): Promise<number> {
    return this.runtime.submitTo(shard, serverTasks.open, this.#options);
  }

  /** A shard that was started again has no items and no connections, and takes new ones. */
  #reopen(shard: number, cause: unknown, onRestart: ServerOptions["onRestart"]): void {
    const reopening = this.#open(shard)
      .then(() => onRestart?.(shard, cause))
      .catch((error) => {
        // It has died again, and will be told of again; or the server is being stopped.
        if (!isShardGone(error) && !(error instanceof StoppedError)) this.runtime.abort(error);
      })
      .finally(() => this.#reopening.delete(reopening));
    this.#reopening.add(reopening);
  }
}
