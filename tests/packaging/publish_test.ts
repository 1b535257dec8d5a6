/** What a stranger gets: the package, as `deno publish` sends it. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { LIBRARY, publishLibrary } from "../harness/consumer_project.ts";
import { Registry } from "../harness/registry.ts";

Deno.test("deno publish sends the library, its documents and nothing else", async () => {
  await using registry = new Registry();
  const { code, stderr } = await publishLibrary(registry);
  assertEquals(code, 0, stderr);
  const files = registry.filesOf(LIBRARY.name, LIBRARY.version);
  const elsewhere = [...files.keys()].filter((path) =>
    !/^(allocator|shard|foreign|structures|docs)\//.test(path)
  );
  assertEquals(elsewhere.sort(), ["CHANGELOG.md", "LICENSE", "README.md", "deno.json", "mod.ts"]);
  for (const path of files.keys()) {
    assert(/\.(ts|md|json)$|^LICENSE$/.test(path), `${path} is no source`);
  }
  // The README's links lead into docs/, which is read where the package is.
  assert(files.has("docs/README.md") && files.has("docs/errors.md"));
  // The worker's module is loaded by URL: it has to be there, though nothing exports it.
  for (const path of ["shard/worker/worker_main.ts", ...Object.values(LIBRARY.exports)]) {
    assert(files.has(path.replace("./", "")), `${path} is missing`);
  }
});

Deno.test("deno publish has nothing to say but that tasks are imported by their URL", async () => {
  await using registry = new Registry();
  const { stderr } = await publishLibrary(registry);
  const complaints = [...stderr.matchAll(/^(?:warning|error)[^\n]*(?=\n)/gm)].map(([line]) => line);
  assertEquals([...new Set(complaints)], [
    "warning[unanalyzable-dynamic-import]: unable to analyze dynamic import",
  ]);
});

Deno.test("a registry refuses a package without its token", async () => {
  await using registry = new Registry();
  const { code, stderr } = await publishLibrary(registry, "no such token");
  assert(code !== 0);
  assertStringIncludes(stderr, "Expected the token of this registry");
});
