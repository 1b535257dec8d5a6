/**
 * The smallest permissions of each feature, for a program that has the library from a registry: with
 * them it runs, and without any one of them it does not.
 */
import { existsSync } from "node:fs";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ConsumerProject, LIBRARY_SPECIFIER, publishLibrary } from "../harness/consumer_project.ts";
import { Registry } from "../harness/registry.ts";

const TASKS = `import { defineTasks, makeForeign, thisShard } from "@tidepool/core";
  class Place { where() { return thisShard(); } }
  export const tasks = defineTasks(import.meta.url, {
    open: () => makeForeign(new Place()),
    throwLate: () => { setTimeout(() => { throw new Error("too late"); }, 0); },
  });`;

const SERVER_TASKS = `import { defineTasks, thisShard } from "@tidepool/core";
  let server;
  export const servers = defineTasks(import.meta.url, {
    serve: (port) => {
      const options = { hostname: "127.0.0.1", port, reusePort: true, onListen: () => {} };
      server = Deno.serve(options, () => new Response("shard " + thisShard()));
      return server.addr.port;
    },
    stop: () => server.shutdown(),
  });`;

interface Feature {
  readonly name: string;
  readonly program: string;
  readonly files?: Readonly<Record<string, string>>;
  /** The smallest set, and what Deno says without each. */
  readonly needs: Readonly<Record<string, string>>;
}

/** Without the permission, it runs as well, and says why nothing was given back. */
function trimFeature(start: (tasks: string) => string): Feature {
  return {
    name: "memory that goes back to the system, by request and after a time",
    files: {
      "tasks.ts": `import { defineTasks, localAllocator } from "@tidepool/core";
        export const tasks = defineTasks(import.meta.url, {
          trim: () => {
            const allocator = localAllocator();
            const address = allocator.malloc(2 ** 20);
            allocator.bytes(address, 2 ** 20).fill(1);
            allocator.free(address);
            return allocator.mallocTrim();
          },
        });`,
    },
    program: start(`import { tasks } from "./tasks.ts";
      await using runtime = await Runtime.start({ shards: 1, memory: "16MiB", trimAfterMs: 1000 });
      const given = await runtime.submitTo(0, tasks.trim);
      if (given === 0) throw new Error(runtime.placement(0).problems.at(-1));
      console.log(given > 2 ** 19);`),
    needs: {
      "--allow-read=tasks.ts": "Requires read access to",
      "--allow-ffi": "no memory goes back to the system: the program may not call the C library",
    },
  };
}

/** The C library by its path, as far as this system has one. */
function placementFeature(start: (tasks: string) => string): Feature[] {
  const path = `/lib/${Deno.build.arch}-linux-gnu/libc.so.6`;
  if (Deno.build.os !== "linux" || !existsSync(path)) return [];
  return [{
    name: "placement, through the C library alone",
    program: start(`
      await using runtime = await Runtime.start({
        shards: 2, memory: "16MiB", placement: { pin: "node", prefault: true } });
      const places = [0, 1].map((shard) => runtime.placement(shard));
      for (const { problems } of places) if (problems.length > 0) throw new Error(problems[0]);
      console.log(places.every(({ presentBytes }) => presentBytes === 8 * 2 ** 20));`),
    needs: {
      [`--allow-ffi=${path}`]:
        `nothing was placed: the program may not call the C library: grant --allow-ffi=${path}`,
    },
  }];
}

function features(registry: string, elsewhere: string): Feature[] {
  const hosts = [registry, elsewhere].map((url) => new URL(url).host);
  const start = (tasks: string) => `import { Runtime } from "@tidepool/core"; ${tasks}`;
  return [
    ...Deno.build.os === "linux" ? [trimFeature(start)] : [],
    {
      name: "the allocator and structs alone",
      program: `import { Allocator, f64, struct } from "@tidepool/core/allocator";
        const slice = { byteOffset: 0, byteLength: 65536 };
        const allocator = Allocator.create(new SharedArrayBuffer(65536), [slice], 0);
        console.log(struct("Point", { x: f64 }).make(allocator, { x: 1 }).x === 1);`,
      needs: {},
    },
    {
      name: "shards with memory of a given size, a debug heap, a watchdog",
      program: start(`
        const options = { shards: 2, memory: "16MiB", debugHeap: true, debug: true, watchdogMs: 5000 };
        await using runtime = await Runtime.start(options);
        runtime.checkHeap(1);
        console.log(runtime.memoryStatistics(1).totalBytes > 0);`),
      needs: {},
    },
    {
      name: 'memory: "auto"',
      program: start(
        "await using runtime = await Runtime.start({ shards: 2 }); console.log(true);",
      ),
      needs: { "--allow-sys=systemMemoryInfo": "grant --allow-sys=systemMemoryInfo" },
    },
    {
      name: "tasks and foreign pointers, the tasks in a file",
      files: { "tasks.ts": TASKS },
      program: start(`import { tasks } from "./tasks.ts";
        await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
        await using place = await runtime.submitTo(1, tasks.open);
        console.log(await place.invoke("where") === 1);`),
      needs: { "--allow-read=tasks.ts": "Requires read access to" },
    },
    {
      name: "shards that are started again",
      files: { "tasks.ts": TASKS },
      program: start(`import { tasks } from "./tasks.ts";
        const back = Promise.withResolvers();
        await using runtime = await Runtime.start({
          shards: 2, memory: "16MiB", onCrash: "restart", onRestart: back.resolve });
        await runtime.submitTo(1, tasks.throwLate);
        console.log(await back.promise === 1);`),
      needs: { "--allow-read=tasks.ts": "Requires read access to" },
    },
    {
      name: "tasks from another server than the registry, imported by a module of one's own",
      files: {
        "own.ts": `import { defineTasks } from "@tidepool/core"; export * from "${elsewhere}";
          export const own = defineTasks(import.meta.url, { load: () => {} });`,
      },
      program: start(`import { own, tasks } from "./own.ts";
        await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
        await runtime.invokeOnAll(own.load);
        await using place = await runtime.submitTo(1, tasks.open);
        console.log(await place.invoke("where") === 1);`),
      needs: {
        "--allow-read=own.ts": "Requires read access to",
        // A list takes the place of Deno's own, which has the registry in it.
        [`--allow-import=${hosts}`]: "Requires import access to",
      },
    },
    ...placementFeature(start),
    {
      name: "an HTTP server in every shard, behind one port",
      files: { "servers.ts": SERVER_TASKS },
      program: start(`import { servers } from "./servers.ts";
        await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
        const port = await runtime.submitTo(0, servers.serve, 0);
        console.log(await runtime.submitTo(1, servers.serve, port) === port);
        await runtime.invokeOnAll(servers.stop);`),
      needs: {
        "--allow-read=servers.ts": "Requires read access to",
        "--allow-net=127.0.0.1": "Requires net access to",
        "--unstable-net": "The `--unstable-net` flag must be provided",
      },
    },
  ];
}

Deno.test("each feature runs with its smallest permissions, and with none fewer", async (t) => {
  await using registry = new Registry();
  await using elsewhere = new Registry(); // no registry here, but a server
  const published = await publishLibrary(registry);
  assertEquals(published.code, 0, published.stderr);
  const jsr = TASKS.replace('"@tidepool/core"', `"${LIBRARY_SPECIFIER}"`);
  for (const feature of features(registry.url, elsewhere.serveModule("/tasks.ts", jsr))) {
    await t.step(feature.name, async () => {
      const files = { "main.ts": feature.program, ...feature.files };
      await using consumer = await ConsumerProject.create(registry, files);
      const run = (permissions: string[]) =>
        consumer.deno("run", "--no-prompt", "--quiet", ...permissions, "main.ts");
      const permissions = Object.keys(feature.needs);
      const { code, stdout, stderr } = await run(permissions);
      assertEquals([code, stdout], [0, "true\n"], stderr);
      for (const [permission, message] of Object.entries(feature.needs)) {
        const without = await run(permissions.filter((each) => each !== permission));
        assert(without.code !== 0, `It runs without ${permission}`);
        assertStringIncludes(without.stderr, message);
      }
    });
  }
});
