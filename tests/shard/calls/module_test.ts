/** Where a task's module may come from, and that threads end. */
import { Runtime } from "@tidepool/core";
import { assertEquals } from "@std/assert";
import { workerThreads } from "../../harness/worker_threads.ts";

const ROOT = new URL("../../../", import.meta.url);

const TASKS = `
import { defineTasks, thisShard } from "./mod.ts";
export const tasks = defineTasks(import.meta.url, {
  double: (n: number): number => n * 2 + thisShard(),
});`;

const PROGRAM = `
import { defineTasks, Runtime } from "./mod.ts";
import { tasks } from "./tasks.ts";
await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
console.log(await runtime.submitTo(1, tasks.double, 20));
const missing = defineTasks(new URL("./missing.ts", import.meta.url).href, { gone: () => 1 });
await runtime.submitTo(0, missing.gone).catch((error) => console.log(error.message));`;

/** Serves the library as its sources are, and the program above beside it. */
async function serveLibrary({ url }: Request): Promise<Response> {
  const path = new URL(url).pathname.slice(1);
  const written: Record<string, string> = { "tasks.ts": TASKS, "program.ts": PROGRAM };
  const isLibrary = /^(mod|allocator|shard|foreign)[\w./]*\.ts$/.test(path) && !path.includes("..");
  const text = written[path] ??
    (isLibrary ? await Deno.readTextFile(new URL(path, ROOT)) : undefined);
  return text === undefined
    ? new Response("there is nothing here", { status: 404 })
    : new Response(text, { headers: { "content-type": "application/typescript" } });
}

Deno.test("library and tasks may come from a server", async () => {
  await using server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    serveLibrary,
  );
  const cache = await Deno.makeTempDir();
  try {
    const base = `http://127.0.0.1:${server.addr.port}`;
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-config", "--no-lock", `--allow-import`, `${base}/program.ts`],
      env: { DENO_DIR: cache },
      stderr: "inherit",
      signal: AbortSignal.timeout(30_000), // only to fail instead of hanging
    }).output();
    assertEquals(
      new TextDecoder().decode(stdout),
      `41\nCannot run task "gone" of ${base}/missing.ts: the module does not load in this thread\n`,
    );
    assertEquals(code, 0);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
});

Deno.test({
  name: "the threads of a runtime end with it, also those of a shard that crashed",
  ignore: !workerThreads.canBeCounted, // elsewhere there is no list of threads to read
  fn: async () => {
    const before = workerThreads.count();
    for (let round = 0; round < 5; round++) {
      const runtime = await Runtime.start({ shards: 3, memory: "16MiB" });
      if (round === 0) assertEquals(workerThreads.count() - before, 3);
      await runtime.stop();
    }
    await workerThreads.ended(before);
  },
});
