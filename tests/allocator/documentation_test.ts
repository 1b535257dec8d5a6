/** What the README says about tests is so. */
import { assert, assertEquals } from "@std/assert";

/** The text of every test file in a folder and the folders in it. */
async function testsIn(folder: string): Promise<string> {
  let sources = "";
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = `${folder}/${name}`;
    if (isDirectory) sources += await testsIn(path);
    else if (name.endsWith("_test.ts")) sources += await Deno.readTextFile(path);
  }
  return sources;
}

Deno.test("each test that the README names against a bug of other allocators exists", async () => {
  const text = await Deno.readTextFile(new URL("README.md", import.meta.url));
  const section = text.slice(text.indexOf("## Bugs of other TLSF allocators"));
  const rows = section.split("\n").filter((line) => line.startsWith("| ")).slice(2);
  assert(rows.length > 20, `only ${rows.length} rows`);
  const sources = await testsIn(import.meta.dirname!);
  const named = rows.map((row) => row.split("|")[3]!.trim());
  assertEquals(named.filter((name) => !sources.includes(`Deno.test("${name}"`)), []);
});
