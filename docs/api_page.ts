/**
 * Writes docs/api.md from the docstrings: `deno task api`. A name's line is the first sentence of its
 * docstring; it is unstable if the docstring says `@experimental`.
 */

const ROOT = new URL("../", import.meta.url);
const PAGE = new URL("docs/api.md", ROOT);

/** What the names of a room are about, in the order of the page. Those of others have no heading. */
const TOPICS: Readonly<Record<string, string>> = {
  "allocator/malloc": "Memory",
  "allocator/layout": "Memory",
  "allocator/struct": "Structs",
  "shard/host": "Runtime",
  "shard/ring": "Runtime",
  "shard/calls": "Tasks and calls",
  "shard/flow": "Tasks and calls",
  "shard/bus": "Tasks and calls",
  "shard/codec": "Tasks and calls",
  "shard/services": "Services",
};
const ERRORS = "Errors";
const NO_TOPIC = "";
const TOPICS_IN_ORDER: readonly string[] = [
  ...new Set([NO_TOPIC, ...Object.values(TOPICS), ERRORS]),
];

/** Up to so many names are one table, whatever they are about. */
const ONE_TABLE = 15;

const KINDS: Readonly<Record<string, string>> = {
  interface: "type",
  typeAlias: "type",
  variable: "constant",
};

/** A name that an entry point exports. */
export interface ApiName {
  readonly name: string;
  readonly kind: string;
  readonly isStable: boolean;
  readonly topic: string;
  readonly summary: string;
  /** Of a class or an interface. */
  readonly members: readonly ApiMember[];
}

/** A member of a class or an interface. */
export interface ApiMember {
  readonly name: string;
  /** Whether it is the library's own. */
  readonly isInternal: boolean;
  /** Whether TypeScript, and with it documentation, hides it. */
  readonly isPrivate: boolean;
}

/** An entry point of the package that is the home of its names. */
export interface ApiEntry {
  /** How programs import it: "@tidepool/core/shard". */
  readonly specifier: string;
  readonly summary: string;
  readonly names: readonly ApiName[];
}

/** All that the package exports. */
export interface Api {
  /** How programs import the main entry point, and the names that it has from the others. */
  readonly specifier: string;
  readonly mainNames: readonly string[];
  readonly entries: readonly ApiEntry[];
}

interface JsDoc {
  readonly doc?: string;
  readonly tags?: readonly { readonly kind: string }[];
}

interface DocumentedMember {
  readonly name: string;
  readonly accessibility?: "private" | "protected";
  readonly jsDoc?: JsDoc;
}

interface DocumentedModule {
  readonly ["module_doc"]?: JsDoc;
  readonly symbols: readonly {
    readonly name: string;
    readonly declarations: readonly {
      readonly kind: string;
      readonly location: { readonly filename: string };
      readonly jsDoc?: JsDoc;
      readonly def?: {
        readonly properties?: readonly DocumentedMember[];
        readonly methods?: readonly DocumentedMember[];
      };
    }[];
  }[];
}

/** What `deno doc` knows of the entry points. */
export async function readApi(): Promise<Api> {
  const { name, exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));
  const [main, ...entries] = await Promise.all(
    Object.entries<string>(exports).map(async ([key, path]) => ({
      specifier: name + key.slice(".".length),
      documented: await documentationOf(path),
    })),
  );
  return {
    specifier: main!.specifier,
    mainNames: main!.documented.symbols.map(({ name }) => name),
    entries: entries.map(({ specifier, documented }) => ({
      specifier,
      summary: firstSentence(documented.module_doc),
      names: documented.symbols.map(describe),
    })),
  };
}

async function documentationOf(path: string): Promise<DocumentedModule> {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--json", path],
    cwd: ROOT,
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout)).nodes[new URL(path, ROOT).href];
}

function describe({ name, declarations }: DocumentedModule["symbols"][number]): ApiName {
  const { kind, location, jsDoc } = declarations.find(({ jsDoc }) => jsDoc?.doc) ??
    declarations[0]!;
  const room = location.filename.slice(ROOT.href.length).replace(/\/[^/]*$/, "");
  return {
    name,
    kind: KINDS[kind] ?? kind,
    isStable: !isTagged(jsDoc, "experimental"),
    topic: name.endsWith("Error") ? ERRORS : TOPICS[room] ?? NO_TOPIC,
    summary: firstSentence(jsDoc),
    members: declarations.flatMap(({ def }) => [...def?.properties ?? [], ...def?.methods ?? []])
      .map(({ name, accessibility, jsDoc }) => ({
        name,
        isInternal: isTagged(jsDoc, "internal"),
        isPrivate: accessibility === "private",
      })),
  };
}

function isTagged(jsDoc: JsDoc | undefined, tag: string): boolean {
  return jsDoc?.tags?.some(({ kind }) => kind === tag) ?? false;
}

/** Up to the first full stop, in one line of Markdown. */
function firstSentence(jsDoc: JsDoc = {}): string {
  const [paragraph = ""] = (jsDoc.doc ?? "").split("\n\n");
  return paragraph.replaceAll("\n", " ").replace(/\{@link(?:code)? ([^}]*)\}/g, "`$1`")
    .replace(/\.(?: .*)?$/, "").replaceAll("|", "\\|");
}

/** The page's text. */
export function pageOf({ specifier: main, mainNames, entries }: Api): string {
  const inMain = new Set(mainNames);
  const sections = entries.map(({ specifier, summary, names }) =>
    `## ${specifier}\n\n${summary}.\n\n${tablesOf(names, inMain)}\n`
  );
  return `<!-- deno-fmt-ignore-file -->
<!-- Written by \`deno task api\` from the docstrings: change those. -->

# The API

Each name has one home, below. Those marked ● are in \`${main}\` as well, which has what
programs use: ${inMain.size} names. Your editor shows a name's whole description, and \`deno doc mod.ts\`
prints it.

What a name means and takes stays, until a version that says otherwise in the
[changelog](../CHANGELOG.md) and how to change over. Fields, options and members may be added. What is
marked **unstable** is new, and may change in any version.

Importing \`@tidepool/core/shard\` alone leaves foreign pointers out: none travels in such a program.
What each error means and what to do: [errors.md](errors.md).

${sections.join("\n")}`;
}

/** A table for each topic, names in the order of the alphabet. */
function tablesOf(names: readonly ApiName[], inMain: ReadonlySet<string>): string {
  const sorted = names.toSorted((a, b) => a.name.localeCompare(b.name, "en"));
  if (names.length <= ONE_TABLE) return tableOf(sorted, inMain);
  const groups = Map.groupBy(sorted, ({ topic }) => topic);
  return TOPICS_IN_ORDER.filter((topic) => groups.has(topic)).map((topic) => {
    const heading = topic === NO_TOPIC ? "" : `**${topic}**\n\n`;
    return heading + tableOf(groups.get(topic)!, inMain);
  }).join("\n\n");
}

function tableOf(names: readonly ApiName[], inMain: ReadonlySet<string>): string {
  const rows = names.map(({ name, kind, isStable, summary }) =>
    `| ${inMain.has(name) ? "● " : ""}\`${name}\` | ${kind}${
      isStable ? "" : ", **unstable**"
    } | ${summary} |`
  );
  return ["| name | kind | what it is |", "| - | - | - |", ...rows].join("\n");
}

if (import.meta.main) await Deno.writeTextFile(PAGE, pageOf(await readApi()));
