/**
 * One shard's part of the server: it accepts connections on the port that all shards share
 * (SO_REUSEPORT: the kernel spreads them), and serves them.
 *
 * @module
 */

import { defineTasks, localAllocator } from "@tidepool/core";
import { Crawler } from "./crawler.ts";
import { Connection, isDisconnection } from "./connection.ts";
import { ConnectionCounters } from "./counters.ts";
import { isOutOfMemory } from "./out_of_memory.ts";
import { ascii, OutputBlocks } from "./output.ts";
import { Places } from "./places.ts";
import type { PrefixStatistics } from "./prefix_counts.ts";
import { Router } from "./router.ts";
import { expectItemsFit, type ServeOptions } from "./serve_options.ts";

/** How long to wait after a connection could not be accepted: as long as memcached does. */
const ACCEPT_AGAIN_MS = 10;
/** How often idle connections are looked for. */
const IDLE_CHECK_MS = 1000;

const TOO_MANY = ascii("ERROR Too many open connections\r\n");

/** The connections of one shard. */
export class ShardServer {
  /** The way to all keys. */
  readonly router: Router = new Router();
  /** All bytes of the segment, by address. */
  readonly bytes: Uint8Array = allBytes();
  /** Where its connections collect what they send. */
  readonly outputBlocks: OutputBlocks = new OutputBlocks(localAllocator());
  /** Seconds since 1970 when it began. */
  readonly startTime: number = Math.floor(Date.now() / 1000);
  /** How it was told to serve. */
  readonly options: ServeOptions;
  /** What is counted of its connections. */
  counters: ConnectionCounters = new ConnectionCounters();
  /** What is counted by prefix, once `stats detail on` was said. */
  prefixes: PrefixStatistics | undefined;
  /** What was counted so, which is kept when `stats detail off` was said. */
  lastPrefixes: PrefixStatistics | undefined;
  /** Whether it takes connections at the moment. */
  isAccepting = true;
  readonly #listener: Deno.TcpListener;
  readonly #places: Places;
  readonly #connections = new Set<Connection>();
  readonly #served = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  readonly #crawler: Crawler | undefined;
  readonly #idleTimer: ReturnType<typeof setInterval> | undefined;

  /**
   * Listens at once.
   *
   * @throws {RangeError} If the slice is too small for the largest items.
   */
  constructor(options: ServeOptions) {
    this.options = options;
    expectItemsFit(options, localAllocator().slice.byteLength);
    this.router.store.maxItemBytes = options.maxItemBytes;
    const { port, hostname } = options;
    // Not in Deno's stable types: it takes `"unstable": ["net"]` in deno.json.
    const shared = { port, hostname, reusePort: true };
    try {
      this.#listener = Deno.listen(shared);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Cannot listen on ${hostname}:${port}: ${reason}`, { cause: error });
    }
    this.#places = new Places(options.maxConnections);
    this.#accepting = this.#accept();
    if (options.trimAfter > 0) {
      this.#crawler = new Crawler(this.router.store.items, options.trimAfter * 1000);
    }
    if (options.idleTimeout > 0) {
      this.#idleTimer = setInterval(() => this.#closeIdle(), IDLE_CHECK_MS);
    }
  }

  /** The port that it listens on. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** Connections now. */
  get currentConnections(): number {
    return this.#connections.size;
  }

  /** The connections. */
  get connections(): IterableIterator<Connection> {
    return this.#connections.values();
  }

  /** Closes the listener and all connections; resolves when every command under way is over. */
  async close(): Promise<void> {
    clearInterval(this.#idleTimer);
    this.#crawler?.[Symbol.dispose]();
    this.#listener.close();
    await this.#accepting;
    for (const connection of this.#connections) connection.close();
    await Promise.all(this.#served);
    this.outputBlocks[Symbol.dispose]();
  }

  async #accept(): Promise<void> {
    await this.#places.begin();
    for (;;) {
      try {
        await this.#admit(await this.#listener.accept());
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return; // close() was called
        if (error instanceof Deno.errors.Interrupted) return;
        // The client has gone already, or no descriptor is left, until some connection ends.
        this.counters.rejectedConnections++;
        await this.#pause();
      }
    }
  }

  async #pause(): Promise<void> {
    const begin = performance.now();
    this.counters.listenDisabled++;
    this.isAccepting = false;
    await new Promise((resolve) => setTimeout(resolve, ACCEPT_AGAIN_MS));
    this.isAccepting = true;
    this.counters.listenDisabledMicroseconds += Math.round((performance.now() - begin) * 1000);
  }

  async #admit(socket: Deno.TcpConn): Promise<void> {
    this.counters.totalConnections++;
    socket.setNoDelay(true);
    const served = await this.#places.take() ? this.#serve(socket) : this.#reject(socket);
    this.#served.add(served);
    served.finally(() => this.#served.delete(served));
  }

  async #serve(socket: Deno.TcpConn): Promise<void> {
    try {
      await this.#serveConnection(socket);
    } finally {
      await this.#places.give();
    }
  }

  async #serveConnection(socket: Deno.TcpConn): Promise<void> {
    let connection: Connection;
    try {
      connection = new Connection(socket, this, this.options.protocol);
    } catch (error) {
      if (!isOutOfMemory(error)) throw error;
      this.counters.rejectedConnections++;
      socket.close();
      return;
    }
    this.#connections.add(connection);
    try {
      await connection.serve();
    } finally {
      this.#connections.delete(connection);
    }
  }

  /** Says that there are too many, and closes. */
  async #reject(socket: Deno.TcpConn): Promise<void> {
    this.counters.rejectedConnections++;
    try {
      await socket.write(TOO_MANY);
    } catch (error) {
      if (!isDisconnection(error)) throw error; // else the client has gone, and needs no answer
    }
    socket.close();
  }

  #closeIdle(): void {
    const longest = this.options.idleTimeout * 1000;
    for (const connection of this.#connections) {
      if (connection.idleMilliseconds <= longest) continue;
      this.counters.idleKicks++;
      connection.close();
    }
  }
}

function allBytes(): Uint8Array {
  const allocator = localAllocator();
  return allocator.bytes(0, allocator.buffer.byteLength);
}

let current: ShardServer | undefined;

/** This shard's part of the server; undefined while it has none. */
export function localServer(): ShardServer | undefined {
  return current;
}

/** What the host, and other shards, tell a shard. */
export const serverTasks = defineTasks(import.meta.url, {
  /** Begins to serve; returns the port. */
  open(options: ServeOptions): number {
    current = new ShardServer(options);
    return current.port;
  },

  /** Ends all connections. */
  async close(): Promise<void> {
    await current?.close();
    current = undefined;
  },
});
