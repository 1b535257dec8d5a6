/** docs/api.md names every export of every entry point, where it says, and nothing else. */
import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const CORE = "@tidepool/core";

interface Declaration {
  readonly jsDoc?: { readonly tags?: readonly { readonly kind: string }[] };
}

/** Exports of each entry point by its specifier: names, and whether they are marked experimental. */
async function exportsOfEntries(): Promise<Map<string, Map<string, boolean>>> {
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const entries = new Map<string, Map<string, boolean>>();
  for (const [key, path] of Object.entries(config.exports as Record<string, string>)) {
    const { stdout, success } = await new Deno.Command(Deno.execPath(), {
      args: ["doc", "--json", path],
      cwd: ROOT,
    }).output();
    assert(success);
    const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
    const [{ symbols }] = Object.values(nodes) as [
      { symbols: { name: string; declarations: Declaration[] }[] },
    ];
    const names = symbols.map(({ name, declarations }): [string, boolean] => [
      name,
      declarations.some(({ jsDoc }) => jsDoc?.tags?.some(({ kind }) => kind === "experimental")),
    ]);
    entries.set(CORE + key.slice(1), new Map(names));
  }
  return entries;
}

interface Row {
  readonly name: string;
  readonly status: string;
  /** The entry points that are to export the name. */
  readonly entries: readonly string[];
}

/** The rows of the page's tables of names. */
async function rowsOfPage(): Promise<Row[]> {
  const rows: Row[] = [];
  const text = await Deno.readTextFile(new URL("docs/api.md", ROOT));
  for (const section of text.split("\n## ").slice(1)) {
    const [heading = "", ...lines] = section.split("\n");
    const entry = heading.match(/`(@tidepool[\w/]+)`/)?.[1];
    assert(entry, `"${heading}" names no entry point`);
    const entries = heading.startsWith("Only in") ? [entry] : [CORE, entry];
    for (const line of lines) {
      const [, name, status] = line.match(/^\| `(\w+)` *\| (\w+) *\| \S/) ?? [];
      if (name !== undefined && status !== undefined) rows.push({ name, status, entries });
    }
  }
  return rows;
}

Deno.test("docs/api.md has one row for each export, under its entry points", async () => {
  const rows = await rowsOfPage();
  const entries = await exportsOfEntries();
  for (const [entry, names] of entries) {
    const found = rows.filter((row) => row.entries.includes(entry)).map(({ name }) => name);
    assertEquals(found.sort(), [...names.keys()].sort(), entry);
  }
  assertEquals(entries.size, 4);
});

Deno.test("docs/api.md calls experimental what its docstring does", async () => {
  const entries = await exportsOfEntries();
  const marked = new Set<string>();
  for (const names of entries.values()) {
    for (const [name, experimental] of names) if (experimental) marked.add(name);
  }
  const rows = await rowsOfPage();
  assertEquals(rows.filter(({ status }) => !/^(stable|experimental)$/.test(status)), []);
  const claimed = rows.filter(({ status }) => status === "experimental").map(({ name }) => name);
  assertEquals(claimed.sort(), [...marked].sort());
});
