/**
 * The code that docstrings and documents show.
 *
 * A program of several modules has a block for each. The first line of a block is then the module's
 * name, as in `// counters.ts`; the last one is `main.ts`. Such blocks are marked `ignore`: a shard
 * imports the modules of its tasks by their URL, and what `deno test --doc` makes of a block runs
 * nothing when it is imported. `code_blocks_test.ts` writes them to files and runs them.
 */

const ROOT = new URL("../../", import.meta.url);

/** A block of code. */
export interface CodeBlock {
  /** The name that its first line gives it: "counters.ts". */
  readonly name: string | undefined;
  readonly isIgnored: boolean;
  readonly code: string;
}

/** A docstring or a document. */
export interface Text {
  /** Where it begins: "shard/mod.ts:1". */
  readonly place: string;
  readonly blocks: readonly CodeBlock[];
}

/** Every docstring of the library that shows code, and the README. */
export async function publishedTexts(): Promise<Text[]> {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const texts: Text[] = [{ place: "README.md:1", blocks: blocksOf(readme) }];
  for (
    const path of ["mod.ts", ...await modulesOf("allocator", "shard", "foreign", "structures")]
  ) {
    texts.push(...docstringsOf(path, await Deno.readTextFile(new URL(path, ROOT))));
  }
  return texts.filter(({ blocks }) => blocks.length > 0);
}

async function modulesOf(...folders: readonly string[]): Promise<string[]> {
  const paths: string[] = [];
  for (const folder of folders) {
    for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
      const path = `${folder}/${name}`;
      if (isDirectory) paths.push(...await modulesOf(path));
      else if (name.endsWith(".ts")) paths.push(path);
    }
  }
  return paths.sort();
}

function docstringsOf(path: string, source: string): Text[] {
  return [...source.matchAll(/^[ \t]*\/\*\*[\s\S]*?\*\//gm)].map((match) => ({
    place: `${path}:${source.slice(0, match.index).split("\n").length}`,
    blocks: blocksOf(match[0].replace(/^[ \t]*\*(?: |$)/gm, "")),
  }));
}

/** The blocks of TypeScript in a text of Markdown. */
export function blocksOf(text: string): CodeBlock[] {
  return [...text.matchAll(/^```(?:ts|typescript)\b(.*)\n([\s\S]*?)^```$/gm)].map(
    ([, attributes, code]) => ({
      name: code!.match(/^\/\/ (\S+\.ts)\n/)?.[1],
      isIgnored: attributes!.includes("ignore"),
      code: code!,
    }),
  );
}

/** What a block imports from, as it is written there. */
export function importsOf({ code }: CodeBlock): string[] {
  return [...code.matchAll(/\bfrom "([^"]+)"|\bimport(?: |\()"([^"]+)"/g)].map(
    ([, from, bare]) => (from ?? bare)!,
  );
}
