/**
 * What JSR's score asks of a package and can be had before it is published. The rest is set on the
 * package's page, or comes of publishing from CI: see CONTRIBUTING.md.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
const entryPoints = Object.values<string>(config.exports);

interface Documented {
  readonly ["module_doc"]?: { readonly doc?: string; readonly tags?: { readonly kind: string }[] };
  readonly symbols: readonly {
    readonly name: string;
    readonly declarations: readonly { readonly jsDoc?: { readonly doc?: string } }[];
  }[];
}

/** What `deno doc` knows of an entry point. */
async function documentationOf(entryPoint: string): Promise<Documented> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", entryPoint],
    cwd: ROOT,
  }).output();
  assert(success, entryPoint);
  const { nodes }: { nodes: Record<string, Documented> } = JSON.parse(
    new TextDecoder().decode(stdout),
  );
  return nodes[new URL(entryPoint, ROOT).href]!;
}

Deno.test("the package has a name, a licence and a README with an example, as JSR wants them", async () => {
  assertMatch(config.name, /^@[a-z0-9-]{2,32}\/[a-z0-9-]{2,20}$/);
  assertEquals(config.license, "MIT");
  assertMatch(config.version, /^\d+\.\d+\.\d+$/);
  assertMatch(await Deno.readTextFile(new URL("README.md", ROOT)), /^```ts/m);
});

for (const entryPoint of entryPoints) {
  Deno.test(`${entryPoint} says what it is, and so does every symbol of it`, async () => {
    const { module_doc: moduleDoc = {}, symbols } = await documentationOf(entryPoint);
    assert(moduleDoc.tags?.some(({ kind }) => kind === "module"), "there is no @module");
    assert(moduleDoc.doc !== undefined, "its @module comment says nothing");
    assert(symbols.length >= 5, `${symbols.length} symbols`);
    const undocumented = symbols.filter(({ declarations }) =>
      !declarations.some(({ jsDoc }) => jsDoc?.doc)
    );
    assertEquals(undocumented.map(({ name }) => name), []);
  });
}
