/** A shard that serves HTTP while others flood it with calls. */
import { defineTasks, submitTo, type Task } from "@tidepool/core";

let server: Deno.HttpServer<Deno.NetAddr> | undefined;
let flooding = false;

interface FairnessTasks {
  readonly serve: Task<[], number>;
  readonly close: Task<[], void>;
  readonly busy: Task<[number], number>;
  readonly flood: Task<[number], number>;
  readonly enough: Task<[], void>;
}

export const fairnessTasks: FairnessTasks = defineTasks(import.meta.url, {
  /** Serves HTTP on a port of the loopback interface, which is returned. */
  serve: () => {
    server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, () => {
      return new Response("tide");
    });
    return server.addr.port;
  },
  close: () => server!.shutdown(),
  /** Takes a few microseconds. */
  busy: (n: number) => {
    for (let i = 0; i < 1000; i++) n = (n * 31 + i) | 0;
    return n;
  },
  /** Calls `busy` on `shard`, 200 at a time, until told to stop; returns how many times. */
  flood: async (shard: number) => {
    flooding = true;
    let calls = 0;
    await Promise.all(Array.from({ length: 200 }, async () => {
      while (flooding) {
        await submitTo(shard, fairnessTasks.busy, calls);
        calls++;
      }
    }));
    return calls;
  },
  enough: () => {
    flooding = false;
  },
});
