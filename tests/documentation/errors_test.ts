/** docs/errors.md has every error class and every text of the library, and no other. */
import { assert, assertEquals } from "@std/assert";
import { type TextLiteral, textLiterals } from "./text_literals.ts";

const ROOT = new URL("../../", import.meta.url);

/** These write reports, whose words docs/debugging_memory.md shows. */
const REPORTS = ["allocator/diagnosis/memory_report.ts", "allocator/debug_heap/leak_report.ts"];

const page = await Deno.readTextFile(new URL("docs/errors.md", ROOT));

interface Source {
  readonly path: string;
  readonly text: string;
}

async function sourcesIn(folder: string): Promise<Source[]> {
  const found: Source[] = [];
  for await (const { name, isDirectory } of Deno.readDir(new URL(folder, ROOT))) {
    const path = folder + name;
    if (isDirectory) found.push(...await sourcesIn(`${path}/`));
    else if (name.endsWith(".ts")) {
      found.push({ path, text: await Deno.readTextFile(new URL(path, ROOT)) });
    }
  }
  return found;
}

async function librarySources(): Promise<Source[]> {
  const layers = await Promise.all(["allocator/", "shard/", "foreign/"].map(sourcesIn));
  return layers.flat().sort((a, b) => a.path < b.path ? -1 : 1);
}

const sources = await librarySources();
const literals: (TextLiteral & { path: string; shown: string })[] = sources
  .flatMap(({ path, text }) =>
    textLiterals(text).map((literal) => ({ ...literal, path, shown: plain(literal.text) }))
  )
  .filter(({ shown }) => shown.includes(" "));

/** Whether `shown`, with something in place of each …, is part of a text of the page. */
function isPartOf(shown: string, ofPage: string): boolean {
  const escaped = shown.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&").replace(/…+/g, ".*");
  return new RegExp(escaped).test(ofPage);
}

/** White space as one space; without what varies, and punctuation, at both ends. */
function plain(text: string): string {
  return text.replace(/\s+/g, " ").replace(/^[ …,;:]+|[ …,;:]+$/g, "");
}

function countWords(text: string): number {
  return text.match(/[A-Za-z]{2,}/g)?.length ?? 0;
}

/** What the page shows as code. */
function codeIn(text: string): string[] {
  return [...text.matchAll(/(`+)(.+?)\1/g)].map(([, , code]) => code!.trim());
}

/** Rows of the tables whose first column is a message, or what ends one: it and the class. */
function messageRows(): { message: string; errorClass: string | undefined }[] {
  const rows: { message: string; errorClass: string | undefined }[] = [];
  for (const section of page.split("\n## ").slice(1)) {
    if (!/^\| (message|reason) /m.test(section)) continue;
    for (const line of section.split("\n")) {
      const [, first = "", second = ""] = line.split(/ *\| */);
      const [message] = codeIn(first);
      if (message !== undefined) rows.push({ message, errorClass: codeIn(second)[0] });
    }
  }
  return rows;
}

Deno.test("docs/errors.md shows every text of three words or more that the library can write", () => {
  const code = codeIn(page.replaceAll("\n", " ")).map(plain);
  const missing = literals
    .filter(({ path, shown }) => countWords(shown) > 2 && !REPORTS.includes(path))
    .filter(({ shown }) => !code.some((each) => isPartOf(shown, each)))
    .map(({ path, text }) => `${path}: ${text}`);
  assertEquals(missing, []);
  assert(literals.length > 200, "the sources have been read");
});

Deno.test("docs/errors.md has no message that the library does not write", () => {
  const fragments = literals.flatMap(({ shown }) => [shown, ...shown.split("…").map(plain)]);
  const parts = [...new Set(fragments)]
    .filter((text) => countWords(text) > 1)
    .sort((a, b) => b.length - a.length);
  const stale = messageRows().filter(({ message }) => {
    let left = plain(message);
    for (const part of parts) left = left.replaceAll(part, "");
    // A part of one word, " for …", is no text to look for.
    return countWords(left.replace("Cannot", "")) > 1;
  });
  assertEquals(stale, []);
  assert(messageRows().length > 150);
});

Deno.test("docs/errors.md gives each message its class", () => {
  const rows = messageRows().map((row) => ({ ...row, message: plain(row.message) }));
  const wrong: string[] = [];
  for (const { path, shown, before } of literals) {
    const thrown = before.match(/new (\w*(?:Error|Exception))\(\s*$/)?.[1];
    if (thrown === undefined || countWords(shown) < 3) continue;
    const ofText = rows.filter(({ message }) => isPartOf(shown, message));
    if (ofText.some(({ errorClass }) => errorClass === thrown)) continue;
    if (ofText.length > 0) wrong.push(`${path}: ${thrown}: ${shown}`);
  }
  assertEquals(wrong, []);
});

Deno.test("docs/errors.md describes every error class, with what it extends", () => {
  const section = page.split("\n## ")[1]!;
  const described = section.split("\n")
    .map((line) => line.match(/^\| `(\w+)` *\| `(\w+)` /)?.slice(1, 3).join(" extends "))
    .filter((row) => row !== undefined);
  const defined = sources.flatMap(({ text }) =>
    [...text.matchAll(/^export class (\w+Error extends \w+) /gm)].map(([, header]) => header!)
  );
  assertEquals(described.sort(), defined.sort());
});
