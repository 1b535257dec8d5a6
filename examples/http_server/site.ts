/**
 * An HTTP server in every shard, all behind one port: the system deals the connections out.
 *
 * @module
 */
import { defineService, type ServiceDefinition, type Sharded, thisShard } from "@tidepool/core";
import type { RateLimiter } from "./rate_limiter.ts";

/** The server of one shard. */
export class Site {
  readonly #limiter: Sharded<RateLimiter>;
  #server: Deno.HttpServer<Deno.NetAddr> | undefined;

  constructor(limiter: Sharded<RateLimiter>) {
    this.#limiter = limiter;
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
    const seconds = await this.#limiter.at(client).take(client);
    if (seconds > 0) {
      headers.set("retry-after", String(Math.ceil(seconds)));
      return new Response("Too many requests\n", { status: 429, headers });
    }
    return new Response(`Hello from shard ${thisShard()}\n`, { headers });
  }

  /** Takes no more connections, and resolves when those that there are have their answers. */
  async stop(): Promise<void> {
    await this.#server?.shutdown();
  }
}

export const site: ServiceDefinition<[Sharded<RateLimiter>], Site> = defineService(
  import.meta.url,
  "site",
  Site,
);
