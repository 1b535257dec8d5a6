/**
 * The library as a dependency: published to a registry on the loopback device, and used by a project
 * that has it from there. `deno compile` cannot be run offline, as it downloads its runtime; what it
 * embeds is the graph that `deno info` shows, and that is checked.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  ConsumerProject,
  LIBRARY,
  LIBRARY_SPECIFIER,
  type Outcome,
  publishLibrary,
} from "../harness/consumer_project.ts";
import { Registry } from "../harness/registry.ts";

const HERE = new URL("./stranger/", import.meta.url);
const PROGRAM = {
  "main.ts": await Deno.readTextFile(new URL("main.ts", HERE)),
  "tasks.ts": await Deno.readTextFile(new URL("tasks.ts", HERE)),
};
const EXPECTED = `allocator true
call 0
pointer 1 42
struct 42 4
service 1
error too far
`;
const WORKER_MODULE = /^GET \/@tidepool\/core\/[\d.]+\/shard\/worker\/worker_main\.ts$/;

/** A registry that has the library in it. */
async function publishedLibrary(): Promise<Registry> {
  const registry = new Registry();
  const { code, stderr } = await publishLibrary(registry);
  assertEquals(code, 0, stderr);
  return registry;
}

function assertRan({ code, stdout, stderr }: Outcome): void {
  assertEquals(code, 0, stderr);
  assertEquals(stdout, EXPECTED);
}

Deno.test("a project with an empty cache has the library from the registry, and its shards too", async () => {
  await using registry = await publishedLibrary();
  await using consumer = await ConsumerProject.create(registry, PROGRAM);
  const outcome = await consumer.deno("run", "--no-prompt", "--allow-read=tasks.ts", "main.ts");
  assertRan(outcome);
  assert(outcome.requests.some((request) => WORKER_MODULE.test(request)));
  assertEquals(consumer.list(), ["deno.json", "deno.lock", "main.ts", "tasks.ts"]);
});

Deno.test("after deno cache the program runs with --cached-only, and asks for nothing", async () => {
  await using registry = await publishedLibrary();
  await using consumer = await ConsumerProject.create(registry, PROGRAM);
  const { code, stderr, requests } = await consumer.deno("cache", "main.ts");
  assertEquals(code, 0, stderr);
  assert(requests.some((request) => WORKER_MODULE.test(request)), "the worker's module is fetched");
  const args = ["run", "--no-prompt", "--cached-only", "--allow-read=tasks.ts", "main.ts"];
  const outcome = await consumer.deno(...args);
  assertRan(outcome);
  assertEquals(outcome.requests, []);
});

Deno.test("a project that vendors the library runs without cache and registry", async () => {
  await using registry = await publishedLibrary();
  await using consumer = await ConsumerProject.create(registry, PROGRAM, { vendor: true });
  const { code, stderr } = await consumer.deno("cache", "main.ts");
  assertEquals(code, 0, stderr);
  assert(consumer.list().includes("vendor"));
  await consumer.emptyCache();
  const args = ["run", "--no-prompt", "--cached-only", "--allow-read=tasks.ts", "main.ts"];
  const outcome = await consumer.deno(...args);
  assertRan(outcome);
  assertEquals(outcome.requests, []);
});

Deno.test("a project is type-checked against the published types", async () => {
  await using registry = await publishedLibrary();
  await using consumer = await ConsumerProject.create(registry, PROGRAM);
  // main.ts has lines that have to be errors: the compiler says so if they are none.
  const { code, stderr } = await consumer.deno("check", "main.ts");
  assertEquals(code, 0, stderr);
});

Deno.test("every entry point is had from the registry", async () => {
  await using registry = await publishedLibrary();
  const specifiers = Object.keys(LIBRARY.exports).map((key) => LIBRARY.name + key.slice(1));
  await using consumer = await ConsumerProject.create(registry, {
    "main.ts": specifiers.map((specifier) =>
      `console.log("${specifier}", Object.keys(await import("${specifier}")).length > 0);`
    ).join("\n"),
  });
  const { code, stdout, stderr } = await consumer.deno("run", "--no-prompt", "main.ts");
  assertEquals(code, 0, stderr);
  assertEquals(stdout, specifiers.map((specifier) => `${specifier} true\n`).join(""));
});

Deno.test("the worker's module is in a project's graph, for deno compile to embed", async () => {
  await using registry = await publishedLibrary();
  await using consumer = await ConsumerProject.create(registry, PROGRAM);
  const { code, stdout, stderr } = await consumer.deno("info", "--json", "main.ts");
  assertEquals(code, 0, stderr);
  const specifiers = JSON.parse(stdout).modules.map((module: { specifier: string }) =>
    module.specifier
  );
  const found = specifiers.filter((specifier: string) => specifier.includes("worker_main"));
  assertEquals(found, [
    `${registry.url}${LIBRARY.name}/${LIBRARY.version}/shard/worker/worker_main.ts`,
  ]);
});

Deno.test("tasks may be published themselves, as a package that depends on the library", async () => {
  await using registry = await publishedLibrary();
  await using author = await ConsumerProject.create(registry, {
    "mod.ts": `import { defineTasks, type Task } from "@tidepool/core";
      export const doubles: { readonly double: Task<[number], number> } =
        defineTasks(import.meta.url, { double: (n: number) => n * 2 });`,
  }, {
    name: "@stranger/doubles",
    version: "1.0.0",
    license: "MIT",
    exports: "./mod.ts",
  });
  const published = await author.deno("publish", "--allow-dirty", "--token", registry.token);
  assertEquals(published.code, 0, published.stderr);
  await using consumer = await ConsumerProject.create(registry, {
    "main.ts": `import { Runtime } from "@tidepool/core";
      import { doubles } from "jsr:@stranger/doubles@1";
      await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
      console.log(await runtime.submitTo(1, doubles.double, 21));`,
  });
  const { code, stdout, stderr } = await consumer.deno("run", "--no-prompt", "main.ts");
  assertEquals([code, stdout], [0, "42\n"], stderr);
});

Deno.test("a shard that may not read its tasks says which permission it lacks", async () => {
  await using registry = await publishedLibrary();
  await using consumer = await ConsumerProject.create(registry, PROGRAM);
  const { code, stderr } = await consumer.deno("run", "--no-prompt", "main.ts");
  assertEquals(code, 1);
  assertStringIncludes(stderr, "tasks.ts: the module does not load in this thread");
  assertStringIncludes(stderr, "Requires read access to");
});

Deno.test("Deno lets no package import tasks from a server that is no registry", async () => {
  await using registry = await publishedLibrary();
  await using server = new Registry();
  const tasks = server.serveModule(
    "/tasks.ts",
    PROGRAM["tasks.ts"].replace('"@tidepool/core"', `"${LIBRARY_SPECIFIER}"`),
  );
  await using consumer = await ConsumerProject.create(registry, {
    "main.ts": PROGRAM["main.ts"].replace("./tasks.ts", tasks),
  });
  const hosts = [registry.url, server.url].map((url) => new URL(url).host);
  const args = ["run", "--no-prompt", `--allow-import=${hosts}`, "main.ts"];
  const { code, stderr } = await consumer.deno(...args);
  assertEquals(code, 1);
  assertStringIncludes(stderr, `of ${tasks}: the module does not load in this thread`);
  // permissions_test.ts has the way round it: a module of one's own that imports them.
  assertStringIncludes(stderr, "JSR packages cannot import non-JSR remote modules");
});
