/**
 * One shard's part of the server: it accepts connections on the port that all shards share
 * (SO_REUSEPORT: the kernel spreads them), and serves them.
 *
 * @module
 */

import { defineTasks, localAllocator } from "@tidepool/core";
import { Connection, type ProtocolName } from "./connection.ts";
import { isOutOfMemory } from "./out_of_memory.ts";
import { OutputBlocks } from "./output.ts";
import { Router } from "./router.ts";

/** How long to wait after a connection could not be accepted: as long as memcached does. */
const ACCEPT_AGAIN_MS = 10;

/** Where and how to serve. */
export interface ServeOptions {
  /** The port; 0 for one that is free. */
  readonly port: number;
  /** The address to listen on. */
  readonly hostname: string;
  /** What connections speak. */
  readonly protocol: ProtocolName;
}

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
  /** Connections so far. */
  totalConnections = 0;
  /** Connections that were turned away for lack of memory or of file descriptors. */
  rejectedConnections = 0;
  /** Connections that were closed because there was no memory for a response. */
  responsesOutOfMemory = 0;
  /** Bytes read so far. */
  bytesRead = 0;
  /** Bytes written so far. */
  bytesWritten = 0;
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Map<Connection, Promise<void>>();
  readonly #accepting: Promise<void>;

  /** Listens at once. */
  constructor(options: ServeOptions) {
    this.options = options;
    const { port, hostname } = options;
    // Not in Deno's stable types: it takes `"unstable": ["net"]` in deno.json.
    const shared = { port, hostname, reusePort: true };
    try {
      this.#listener = Deno.listen(shared);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new Error(`Cannot listen on ${hostname}:${port}: ${reason}`, { cause: error });
    }
    this.#accepting = this.#accept();
  }

  /** The port that it listens on. */
  get port(): number {
    return this.#listener.addr.port;
  }

  /** Connections now. */
  get currentConnections(): number {
    return this.#connections.size;
  }

  /** The addresses of the clients that are connected. */
  remoteAddresses(): string[] {
    return Array.from(this.#connections.keys(), ({ remoteAddress }) => remoteAddress);
  }

  /** Closes the listener and all connections; resolves when every command under way is over. */
  async close(): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    for (const connection of this.#connections.keys()) connection.close();
    await Promise.all(this.#connections.values());
    this.outputBlocks[Symbol.dispose]();
  }

  async #accept(): Promise<void> {
    for (;;) {
      try {
        this.#admit(await this.#listener.accept());
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return; // close() was called
        if (error instanceof Deno.errors.Interrupted) return;
        // The client has gone already, or no descriptor is left, until some connection ends.
        this.rejectedConnections++;
        await new Promise((resolve) => setTimeout(resolve, ACCEPT_AGAIN_MS));
      }
    }
  }

  #admit(socket: Deno.TcpConn): void {
    this.totalConnections++;
    let connection: Connection;
    try {
      connection = new Connection(socket, this, this.options.protocol);
    } catch (error) {
      if (!isOutOfMemory(error)) throw error;
      this.rejectedConnections++;
      socket.close();
      return;
    }
    socket.setNoDelay(true);
    const served = connection.serve().finally(() => this.#connections.delete(connection));
    this.#connections.set(connection, served);
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

/** What the host tells a shard. */
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
