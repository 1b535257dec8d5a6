/**
 * messages.json has every text that the library can write, and no other: by where it comes from, each
 * with the class of its error ("none" for a text that is no error, "as thrown" for what is written into
 * an error of the program's own). docs/errors.md has every class, and those of the messages that it
 * says more about.
 */
import { assert, assertEquals } from "@std/assert";
import { type TextLiteral, textLiterals } from "./text_literals.ts";

const ROOT = new URL("../../", import.meta.url);

/** These write reports, whose words docs/debugging_memory.md shows. */
const REPORTS = ["allocator/diagnosis/memory_report.ts", "allocator/debug_heap/leak_report.ts"];

interface Source {
  readonly path: string;
  readonly text: string;
}

interface Message {
  /** With … for what varies. */
  readonly text: string;
  readonly errorClass: string;
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
  const layers = await Promise.all(
    ["allocator/", "shard/", "foreign/", "structures/"].map(sourcesIn),
  );
  return layers.flat().sort((a, b) => a.path < b.path ? -1 : 1);
}

async function readMessages(): Promise<Message[]> {
  const sections: Record<string, Record<string, string>> = JSON.parse(
    await Deno.readTextFile(new URL("messages.json", import.meta.url)),
  );
  return Object.values(sections)
    .flatMap((section) => Object.entries(section))
    .map(([text, errorClass]) => ({ text, errorClass }));
}

const page = await Deno.readTextFile(new URL("docs/errors.md", ROOT));
const messages = await readMessages();
const sources = await librarySources();
const literals: (TextLiteral & { path: string; shown: string })[] = sources
  .flatMap(({ path, text }) =>
    textLiterals(text).map((literal) => ({ ...literal, path, shown: plain(literal.text) }))
  )
  .filter(({ shown }) => shown.includes(" "));

/** Whether `shown`, with something in place of each …, is part of a message. */
function isPartOf(shown: string, message: string): boolean {
  const escaped = shown.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&").replaceAll("…", ".*");
  return new RegExp(escaped).test(message);
}

/** One … or space for several; without what varies, and punctuation, at both ends. */
function plain(text: string): string {
  return text.replace(/\s+/g, " ").replace(/…+/g, "…").replace(/^[ …,;:]+|[ …,;:]+$/g, "");
}

function countWords(text: string): number {
  return text.match(/[A-Za-z]{2,}/g)?.length ?? 0;
}

/** What a text in Markdown shows as code. */
function codeIn(text: string): string[] {
  return [...text.matchAll(/(`+)(.+?)\1/g)].map(([, , code]) => code!.trim());
}

/** Rows of the page's tables whose first column is a message, or what ends one. */
function rowsOfPage(): Message[] {
  const rows: Message[] = [];
  for (const section of page.split("\n## ").slice(1)) {
    if (!/^\| (message|reason) /m.test(section)) continue;
    for (const line of section.split("\n")) {
      const [, first = "", second = ""] = line.split(/ *\| */);
      const [text] = codeIn(first);
      if (text !== undefined) rows.push({ text, errorClass: codeIn(second)[0] ?? second });
    }
  }
  return rows;
}

/** Every `class …Error extends …` of the library, without the two keywords. */
const definedClasses = sources.flatMap(({ text }) =>
  [...text.matchAll(/^export class (\w+Error) extends (\w+) /gm)]
    .map(([, name, base]) => `${name} extends ${base}`)
);

Deno.test("messages.json has every text of three words or more that the library can write", () => {
  const known = messages.map(({ text }) => plain(text));
  const missing = literals
    .filter(({ path, shown }) => countWords(shown) > 2 && !REPORTS.includes(path))
    .filter(({ shown }) => !known.some((each) => isPartOf(shown, each)))
    .map(({ path, text }) => `${path}: ${text}`);
  assertEquals(missing, []);
  assert(literals.length > 200, "the sources have been read");
});

Deno.test("messages.json has no message that the library does not write", () => {
  const fragments = literals.flatMap(({ shown }) => [shown, ...shown.split("…").map(plain)]);
  const parts = [...new Set(fragments)]
    .filter((text) => countWords(text) > 1)
    .sort((a, b) => b.length - a.length);
  const stale = messages.filter(({ text }) => {
    let left = plain(text);
    for (const part of parts) left = left.replaceAll(part, "");
    return countWords(left.replace("Cannot", "")) > 0;
  });
  assertEquals(stale, []);
  assert(messages.length > 200);
});

Deno.test("messages.json gives each message its class", () => {
  const known = messages.map(({ text, errorClass }) => ({ text: plain(text), errorClass }));
  const wrong: string[] = [];
  for (const { path, shown, before } of literals) {
    const thrown = before.match(/new (\w*(?:Error|Exception))\(\s*$/)?.[1];
    if (thrown === undefined || countWords(shown) < 3) continue;
    const ofText = known.filter(({ text }) => isPartOf(shown, text));
    if (!ofText.some(({ errorClass }) => errorClass === thrown)) {
      wrong.push(`${path}: ${thrown}: ${shown}`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("messages.json names classes that exist", () => {
  const own = definedClasses.map((each) => each.split(" ")[0]!);
  const unknown = messages.filter(({ errorClass }) =>
    !own.includes(errorClass) && !(errorClass in globalThis) && !(errorClass in Deno.errors) &&
    errorClass !== "none" && errorClass !== "as thrown"
  );
  assertEquals(unknown, []);
});

Deno.test("messages.json has each message of docs/errors.md, with the class that stands there", () => {
  const rows = rowsOfPage();
  const astray = rows.filter((row) =>
    !messages.some(({ text, errorClass }) => text === row.text && errorClass === row.errorClass)
  );
  assertEquals(astray, []);
  assert(rows.length > 50);
  assertEquals(new Set(rows.map(({ text }) => text)).size, rows.length, "a message has one row");
});

Deno.test("docs/errors.md describes every error class, with what it extends", () => {
  const section = page.split("\n## ")[1]!;
  const described = section.split("\n")
    .map((line) => line.match(/^\| `(\w+)` *\| `(\w+)` /)?.slice(1, 3).join(" extends "))
    .filter((row) => row !== undefined);
  assertEquals(described.sort(), definedClasses.sort());
});
