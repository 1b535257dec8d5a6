/**
 * What docstrings and the README show can be copied: it imports what is published and what it defines
 * itself, and runs.
 */
import { assert, assertEquals } from "@std/assert";
import { blocksOf, type CodeBlock, importsOf, publishedTexts } from "./code_blocks.ts";

const ROOT = new URL("../../", import.meta.url);
const { name: packageName, exports } = JSON.parse(
  await Deno.readTextFile(new URL("deno.json", ROOT)),
);
const entryPoints = new Set(Object.keys(exports).map((key) => packageName + key.slice(1)));
const texts = await publishedTexts();

/** Whether a reader has what `block` imports by this: `modules` are those that the text has shown. */
function isAvailable(specifier: string, modules: readonly CodeBlock[]): boolean {
  if (entryPoints.has(specifier) || specifier.startsWith("@std/")) return true;
  return modules.some(({ name }) => specifier === `./${name!.split("/").at(-1)}`);
}

Deno.test("docstrings and the README import what is published, and what they define", () => {
  const wrong: string[] = [];
  let seen = 0;
  for (const { place, blocks } of texts) {
    const modules: CodeBlock[] = [];
    for (const block of blocks) {
      for (const specifier of importsOf(block)) {
        seen++;
        if (!isAvailable(specifier, modules)) wrong.push(`${place}: ${specifier}`);
      }
      if (block.name !== undefined) modules.push(block);
    }
  }
  assertEquals(wrong, []);
  assert(seen > 80, `${seen} imports`);
});

Deno.test("a block that deno test --doc passes over is a module of a program", () => {
  const unseen = texts.flatMap(({ place, blocks }) =>
    blocks.filter(({ name, isIgnored }) => isIgnored !== (name !== undefined)).map(() => place)
  );
  assertEquals(unseen, []);
});

Deno.test("every program of several modules is typed, and runs", async (t) => {
  const programs = texts.flatMap(({ place, blocks }) => {
    const modules = blocks.filter(({ name }) => name !== undefined);
    return modules.length === 0 ? [] : [{ place, modules }];
  });
  assert(programs.length >= 7, `${programs.length} programs`);
  const folder = await Deno.makeTempDir({ prefix: "programs" });
  try {
    for (const [index, { modules }] of programs.entries()) {
      for (const { name, code } of modules) {
        const url = new URL(`${folder}/${index}/${name}`, "file:");
        await Deno.mkdir(new URL(".", url), { recursive: true });
        await Deno.writeTextFile(url, code);
      }
    }
    await t.step("typed", () => runDeno("check", folder));
    for (const [index, { place, modules }] of programs.entries()) {
      const mains = modules.filter(({ name }) => name!.split("/").at(-1) === "main.ts");
      assertEquals(mains.at(-1), modules.at(-1), place);
      for (const { name } of mains) {
        const main = `${folder}/${index}/${name}`;
        await t.step(`${place}, ${name}`, () => runDeno("run", "--no-check", "-A", main));
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

/** With this tree as the package. */
async function runDeno(command: string, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [command, "--quiet", "--config", new URL("deno.json", ROOT).pathname, ...args],
    env: { NO_COLOR: "1" },
    signal: AbortSignal.timeout(120_000), // only to fail instead of hanging
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
}

Deno.test("blocksOf() tells modules, blocks that are passed over, and other languages", () => {
  const text =
    '```ts ignore\n// a/b.ts\nimport "./c.ts";\n```\n\n```sh\nls\n```\n\n```ts\nf();\n```\n';
  const [first, second, ...more] = blocksOf(text);
  assertEquals([first!.name, first!.isIgnored, importsOf(first!)], ["a/b.ts", true, ["./c.ts"]]);
  assertEquals([second!.name, second!.isIgnored, second!.code], [undefined, false, "f();\n"]);
  assertEquals(more, []);
});
