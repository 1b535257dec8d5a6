/**
 * Links of the documents lead somewhere, the programs that they show are those in examples/, and their
 * commands name files that are there.
 */
import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

const FOLDERS = [
  "",
  "docs/",
  "examples/",
  "examples/memcached/",
  "bench/results/",
  "examples/replay/traces/",
  "tests/allocator/",
  "tests/foreign/",
];

interface Page {
  readonly url: URL;
  readonly text: string;
}

async function readPages(): Promise<Page[]> {
  const pages: Page[] = [];
  for (const folder of FOLDERS) {
    for await (const { name } of Deno.readDir(new URL(folder, ROOT))) {
      if (!name.endsWith(".md")) continue;
      const url = new URL(folder + name, ROOT);
      pages.push({ url, text: await Deno.readTextFile(url) });
    }
  }
  return pages;
}

const pages = await readPages();

/** The anchors of a page's headings, as GitHub and JSR make them. */
function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading] of text.replace(/^```[\s\S]*?^```/gm, "").matchAll(/^#+ (.*)$/gm)) {
    const anchor = heading!.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-");
    let unique = anchor;
    for (let n = 1; anchors.has(unique); n++) unique = `${anchor}-${n}`;
    anchors.add(unique);
  }
  return anchors;
}

Deno.test("every relative link of a document leads to a file, and to a heading in it", async () => {
  const broken: string[] = [];
  let seen = 0;
  for (const { url, text } of pages) {
    for (const [, link] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      const target = new URL(link!, url);
      if (target.protocol !== "file:") continue;
      seen++;
      const file = new URL(target.pathname, target);
      const info = await Deno.stat(file).catch((error: Error) => error);
      if (info instanceof Error) broken.push(`${url.pathname}: ${link}`);
      else if (target.hash !== "") {
        const anchors = anchorsOf(await Deno.readTextFile(file));
        if (!anchors.has(target.hash.slice(1))) broken.push(`${url.pathname}: ${link}`);
      }
    }
  }
  assertEquals(broken, []);
  assert(seen > 50);
});

Deno.test("every page of docs/ is in its index", () => {
  const folder = new URL("docs/", ROOT).href;
  const names = pages.filter(({ url }) => url.href.startsWith(folder))
    .map(({ url }) => url.href.slice(folder.length))
    .filter((name) => name !== "README.md");
  assert(names.length > 10);
  const index = pages.find(({ url }) => url.href === `${folder}README.md`)!.text;
  assertEquals(names.filter((name) => !index.includes(`(${name})`)), []);
});

Deno.test("every test and every file that a document names in code exists", async () => {
  const files: string[] = [];
  for (const folder of ["allocator", "bench", "examples", "foreign", "mutants", "shard", "tests"]) {
    await collectFiles(`${folder}/`, files);
  }
  const known = (path: string) => files.some((file) => `/${file}`.endsWith(`/${path}`));
  const missing: string[] = [];
  let seen = 0;
  for (const { url, text } of pages) {
    if (url.pathname.endsWith("/CHANGELOG.md")) continue; // tells of what there was
    for (const [, name] of text.matchAll(/`([\w/]+(?:_test|_test\.ts))`/g)) {
      seen++;
      if (name!.startsWith("_")) continue; // an ending
      if (!known(name!.replace(/(\.ts)?$/, ".ts"))) missing.push(`${url.pathname}: ${name}`);
    }
    for (const [, path] of text.matchAll(/`((?:allocator|shard|foreign|tests|bench)\/[\w/.]+)`/g)) {
      seen++;
      if (!files.some((file) => file === path || file.startsWith(path!.replace(/\/?$/, "/")))) {
        missing.push(`${url.pathname}: ${path}`);
      }
    }
  }
  assertEquals(missing, []);
  assert(seen > 80);
});

async function collectFiles(folder: string, into: string[]): Promise<void> {
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    if (isDirectory) await collectFiles(`${folder}${name}/`, into);
    else into.push(folder + name);
  }
}

/** Without the comments at the top. */
function body(code: string): string {
  return code.replace(/^(\/\/.*\n|\/\*\*.*\*\/\n)+/, "").trim();
}

Deno.test("a program that a document names by its file is that file", async () => {
  let seen = 0;
  for (const { url, text } of pages) {
    const programs = text.matchAll(/```ts(?: ignore)?\n(\/\/ (examples\/\S+)\n[\s\S]*?)```/g);
    for (const [, code, path] of programs) {
      const file = await Deno.readTextFile(new URL(path!, ROOT));
      assertEquals(body(code!), body(file), `${url.pathname}: ${path}`);
      seen++;
    }
  }
  assert(seen >= 2);
});

/** What `deno test`, `deno bench`, `deno run` and `deno task` are given, quoted or not. */
const COMMANDS = /\bdeno (?:test|bench|run|task \w+) [^`\n#]+/g;
/** A path from the project's root, as far as it has no wildcard. */
const PATH = /(?<=[ "])(?:allocator|bench|docs|examples|foreign|shard|structures|tests)\/[\w./-]*/g;

Deno.test("the files that a document's commands name are there", async () => {
  const missing: string[] = [];
  let seen = 0;
  for (const { url, text } of pages.filter(({ url }) => !url.pathname.endsWith("CHANGELOG.md"))) {
    for (const [command] of text.matchAll(COMMANDS)) {
      for (const [path] of command.matchAll(PATH)) {
        seen++;
        const found = await Deno.stat(new URL(path, ROOT)).catch((error: Error) => error);
        if (found instanceof Error) missing.push(`${url.pathname}: ${command}`);
      }
    }
  }
  assertEquals(missing, []);
  assert(seen > 20, `${seen} paths`);
});

for (
  const [program, printed] of [
    ["examples/tally/main.ts", "1 value, sum 41.5\n"],
    ["examples/pages/main.ts", "10 visits\n"],
    ["examples/primes/main.ts", "9592 primes below 100,000\n"],
  ] as const
) {
  Deno.test(`${program} runs with leave to read its folder, and nothing else`, async () => {
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-prompt", "--allow-read=.", program],
      cwd: ROOT,
      stderr: "inherit",
      signal: AbortSignal.timeout(20_000), // only to fail instead of hanging
    }).output();
    assertEquals([code, new TextDecoder().decode(stdout)], [0, printed]);
  });
}
