/** What tests/allocator/README.md says about tests is so. */
import { assert, assertEquals } from "@std/assert";

Deno.test("each test that the README names against a bug of other allocators exists", async () => {
  const text = await Deno.readTextFile(new URL("../README.md", import.meta.url));
  const section = text.slice(text.indexOf("## Bugs of other TLSF allocators"));
  const rows = section.split("\n").filter((line) => line.startsWith("| ")).slice(2);
  assert(rows.length > 20, `only ${rows.length} rows`);
  let sources = "";
  for await (const { name } of Deno.readDir(import.meta.dirname!)) {
    if (name.endsWith("_test.ts")) {
      sources += await Deno.readTextFile(`${import.meta.dirname}/${name}`);
    }
  }
  const named = rows.map((row) => row.split("|")[3]!.trim());
  assertEquals(named.filter((name) => !sources.includes(`Deno.test("${name}"`)), []);
});
