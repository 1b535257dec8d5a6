// deno-lint-ignore-file no-console -- a command-line program
/**
 * `deno task session-store [port]`: sessions over HTTP, served while shards die and come back.
 * `GET`, `PUT` and `DELETE /ID/NAME`, `POST /ID?seconds=N` for the time to live, `GET /metrics`.
 *
 * @module
 */
import { BusyError, Runtime, ShardCrashedError, type Sharded } from "@tidepool/core";
import { sessions, type SessionStore, sessionStore } from "./session_store.ts";

/** Serves the sessions of `service`. */
export function serve(runtime: Runtime, service: Sharded<SessionStore>, port: number) {
  const store = service.with({ timeoutMs: 5000 }); // calls wait for a shard that is coming back
  const readers: ReturnType<typeof sessions.reader>[] = [];
  /** Reads a session where it lies; a shard is asked only where that is, once in each of its lives. */
  const read = async (id: string, name: string) => {
    const shard = runtime.shardOf(id);
    try {
      readers[shard] ??= sessions.reader(runtime, await store.at(id).address());
      return readers[shard].get(id)?.get(name);
    } catch {
      delete readers[shard]; // its shard has died: this waits for the next life, or says why not
      return await store.at(id).get(id, name);
    }
  };
  return Deno.serve({ hostname: "127.0.0.1", port }, async (request) => {
    const { pathname, searchParams } = new URL(request.url);
    const [, id = "", name = ""] = pathname.split("/");
    try {
      if (pathname === "/metrics") return new Response(await metrics(runtime, service));
      switch (request.method) {
        case "GET":
          return reply(await read(id, name));
        case "PUT":
          return reply(await store.at(id).set(id, name, await request.text()));
        case "DELETE":
          return reply(await store.at(id).delete(id, name));
        default:
          return reply(await store.at(id).expire(id, Number(searchParams.get("seconds"))));
      }
    } catch (error) {
      return refusal(error);
    }
  });
}

function reply(found: string | boolean | undefined): Response {
  if (typeof found === "string") return new Response(found);
  return new Response(null, { status: found ? 204 : 404 });
}

/** 503 if another try may go well: the shard has died meanwhile, is not back in time, or is flooded. */
function refusal(error: unknown): Response {
  const isPassing = error instanceof ShardCrashedError || error instanceof BusyError ||
    error instanceof DOMException && error.name === "TimeoutError";
  if (!isPassing) console.error(error);
  return new Response(`${error}\n`, { status: isPassing ? 503 : 500 });
}

/** A page for Prometheus, which comes also when shards are down. */
async function metrics(runtime: Runtime, service: Sharded<SessionStore>): Promise<string> {
  const counts = await service.with({ timeoutMs: 500 }).mapSettled("count");
  return runtime.shards.map(({ id, state, epoch }) => {
    const count = counts[id]!;
    return `session_store_up{shard="${id}"} ${Number(state === "running")}\n` +
      `session_store_restarts{shard="${id}"} ${epoch}\n` +
      (count.status === "fulfilled"
        ? `session_store_sessions{shard="${id}"} ${count.value}\n`
        : "");
  }).join("");
}

if (import.meta.main) {
  const interrupted = Promise.withResolvers<void>();
  Deno.addSignalListener("SIGINT", () => interrupted.resolve());
  await using runtime = await Runtime.start({ onCrash: "restart", memory: "64MiB" });
  await using service = await runtime.startSharded(sessionStore, 1800);
  await using _server = serve(runtime, service, Number(Deno.args[0] ?? 8000));
  await Promise.race([interrupted.promise, runtime.closed]);
}
