/**
 * An HTTP server in every shard, all behind one port: the system deals the connections out.
 *
 * @module
 */
import { defineService, type ServiceDefinition, thisShard } from "@tidepool/core";
import type { Buckets, Limit } from "./rate_limiter.ts";

/** So often the clients of a shard are looked through for ones to forget. */
const SWEEP_MS = 10_000;

/** The server of one shard. */
export class Site {
  readonly #buckets: Buckets;
  readonly #limit: Limit;
  readonly #sweeper = setInterval(() => this.#sweep(), SWEEP_MS);
  #server: Deno.HttpServer<Deno.NetAddr> | undefined;

  constructor(buckets: Buckets, limit: Limit) {
    this.#buckets = buckets;
    this.#limit = limit;
  }

  /** Takes connections from now on. Returns the port, which the system chooses if it is 0. */
  listen(hostname: string, port: number): number {
    this.#server = Deno.serve(
      { hostname, port, reusePort: true, onListen: () => {} },
      (request, { remoteAddr }) =>
        this.#answer(request.headers.get("x-api-key") ?? remoteAddr.hostname),
    );
    return this.#server.addr.port;
  }

  async #answer(client: string): Promise<Response> {
    const headers = new Headers({ "x-shard": String(thisShard()) });
    const { wait } = await this.#buckets.update(client, "take", this.#limit);
    if (wait > 0) {
      headers.set("retry-after", String(Math.ceil(wait)));
      return new Response("Too many requests\n", { status: 429, headers });
    }
    return new Response(`Hello from shard ${thisShard()}\n`, { headers });
  }

  /** The clients of this shard are looked after without a message. */
  async #sweep(): Promise<void> {
    for (const client of this.#buckets.keys(thisShard())) {
      await this.#buckets.update(client, "forget", this.#limit);
    }
  }

  /** Takes no more connections, and resolves when those that there are have their answers. */
  async stop(): Promise<void> {
    clearInterval(this.#sweeper);
    await this.#server?.shutdown();
  }
}

export const site: ServiceDefinition<[Buckets, Limit], Site> = defineService(
  import.meta.url,
  "site",
  Site,
);
