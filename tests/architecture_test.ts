/**
 * The rooms: imports point down only, enter another room through its `mod.ts` only, another layer
 * through an entry point of the package only, and go in no circle. Checked over the graph that Deno
 * itself computes, so every form of import counts.
 */
import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

/**
 * The rooms from the ground up, those of one floor in one row: a room may import those of the rows
 * before its own. What each is for, its `mod.ts` says, and docs/architecture.md.
 */
const FLOORS: readonly (readonly string[])[] = [
  ["allocator/layout", "allocator/memory"],
  ["allocator/placement"],
  ["allocator/debug_heap"],
  ["allocator/malloc"],
  ["allocator/struct", "allocator/diagnosis"],
  ["allocator"],
  ["shard/codec", "shard/ring", "shard/machine"],
  ["shard/bus", "shard/placement"],
  ["shard/calls"],
  ["shard/flow", "shard/worker"],
  ["shard/services"],
  ["shard/host"],
  ["shard"],
  ["foreign/local"],
  ["foreign"],
  ["structures/readers"],
  ["structures/header"],
  ["structures/map"],
  ["structures/cells"],
  ["structures/cache", "structures/partitioned"],
  ["structures"],
  ["."],
];

/** At most so many files in a room, its `mod.ts` not counted: "some twenty". */
const MAX_FILES = 22;

/** The doors of the layers: the entry points of the package, as paths from the root. */
const ENTRIES: ReadonlySet<string> = new Set(
  Object.values<string>(
    JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT))).exports,
  ).map((path) => path.slice("./".length)),
);

const FLOOR_OF = new Map(FLOORS.flatMap((rooms, floor) => rooms.map((room) => [room, floor])));

interface Import {
  readonly from: string;
  readonly to: string;
  /** Whether something is imported that exists at run time. */
  readonly isValue: boolean;
}

interface ModuleGraph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
    }[];
  }[];
}

/** Imports of the library, as paths from the root. */
async function imports(): Promise<Import[]> {
  const modules = new Map<string, ModuleGraph["modules"][number]>();
  for (const entry of ENTRIES) {
    const { stdout, success } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", entry],
      cwd: ROOT,
    }).output();
    assert(success);
    const graph: ModuleGraph = JSON.parse(new TextDecoder().decode(stdout));
    for (const module of graph.modules) modules.set(module.specifier, module);
  }
  const found: Import[] = [];
  for (const { specifier, dependencies = [] } of modules.values()) {
    const types = await typeImports(specifier);
    for (const { specifier: written, code, type } of dependencies) {
      found.push({
        from: pathOf(specifier),
        to: pathOf(code?.specifier ?? type?.specifier ?? written),
        isValue: !types.has(written),
      });
    }
  }
  return found;
}

/** What a module imports types alone of, as it is written there: such an import is gone at run time. */
async function typeImports(specifier: string): Promise<Set<string>> {
  if (!specifier.startsWith(ROOT.href)) return new Set();
  const text = await Deno.readTextFile(new URL(specifier));
  const values = new Set<string>();
  const types = new Set<string>();
  for (
    const [, onlyTypes, names, from] of text.matchAll(
      /^(?:import|export) (type )?(?:\{([^}]*)\}|\*[^"]*?) from "([^"]+)";/gm,
    )
  ) {
    const list = names?.split(",").map((name) => name.trim()).filter((name) => name !== "");
    const isType = onlyTypes !== undefined || list?.every((name) => name.startsWith("type "));
    (isType ? types : values).add(from!);
  }
  return types.difference(values);
}

function pathOf(specifier: string): string {
  return specifier.startsWith(ROOT.href) ? specifier.slice(ROOT.href.length) : specifier;
}

function roomOf(path: string): string {
  const slash = path.lastIndexOf("/");
  return slash < 0 ? "." : path.slice(0, slash);
}

function isOfLibrary(path: string): boolean {
  return FLOOR_OF.has(roomOf(path)) && path.endsWith(".ts");
}

/** Why `from` may not import `to`; undefined if it may. */
function faultOf({ from, to }: Import): string | undefined {
  const here = roomOf(from);
  const there = roomOf(to);
  if (here === there || !isOfLibrary(to)) return undefined;
  if (FLOOR_OF.get(there)! >= FLOOR_OF.get(here)!) {
    return `${from} imports ${to}, which is no lower`;
  }
  const [layer] = there.split("/");
  // A layer sees of another what a program sees of it.
  if (here.split("/")[0] !== layer) {
    return ENTRIES.has(to) ? undefined : `${from} imports ${to}, past the entries of ${layer}`;
  }
  return to === `${there}/mod.ts` ? undefined : `${from} imports ${to}, past the mod.ts`;
}

/** A circle of imports, each of the next and the last of the first; undefined if there is none. */
function circleIn(edges: readonly Import[]): string[] | undefined {
  const next = Map.groupBy(edges, ({ from }) => from);
  const done = new Set<string>();
  const path: string[] = [];
  const search = (file: string): string[] | undefined => {
    const at = path.indexOf(file);
    if (at >= 0) return path.slice(at);
    if (done.has(file)) return undefined;
    path.push(file);
    for (const { to } of next.get(file) ?? []) {
      const circle = search(to);
      if (circle !== undefined) return circle;
    }
    path.pop();
    done.add(file);
    return undefined;
  };
  for (const file of next.keys()) {
    const circle = search(file);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

Deno.test("imports point down, and enter a room through its mod.ts", async () => {
  const found = await imports();
  assertEquals(found.flatMap((each) => faultOf(each) ?? []), []);
  // The test has seen the library and the worker's module, or it has checked nothing.
  for (
    const path of [
      "allocator/placement/tlsf.ts",
      "shard/worker/worker_main.ts",
      "foreign/foreign_ptr.ts",
    ]
  ) {
    assert(found.some(({ from }) => from === path), `${path} is not in the graph`);
  }
});

Deno.test("the check of imports refuses one that points up, and one past a door", () => {
  const edges = [
    ["shard/calls/task.ts", "shard/bus/mod.ts"],
    ["shard/host/runtime.ts", "allocator/diagnosis/mod.ts"],
    ["shard/bus/caller.ts", "shard/calls/mod.ts"],
    ["allocator/malloc/allocator.ts", "allocator/mod.ts"],
    ["shard/calls/task.ts", "shard/bus/caller.ts"],
    ["foreign/home.ts", "shard/calls/mod.ts"],
    ["mod.ts", "shard/host/mod.ts"],
  ] as const;
  assertEquals(edges.map(([from, to]) => faultOf({ from, to, isValue: true })), [
    undefined,
    undefined,
    "shard/bus/caller.ts imports shard/calls/mod.ts, which is no lower",
    "allocator/malloc/allocator.ts imports allocator/mod.ts, which is no lower",
    "shard/calls/task.ts imports shard/bus/caller.ts, past the mod.ts",
    "foreign/home.ts imports shard/calls/mod.ts, past the entries of shard",
    "mod.ts imports shard/host/mod.ts, past the entries of shard",
  ]);
});

Deno.test("no imports of values go in a circle", async () => {
  const values = (await imports()).filter(({ isValue }) => isValue);
  assertEquals(circleIn(values), undefined);
});

Deno.test("the check of circles finds one, and tells a type from a value", () => {
  const edge = (from: string, to: string): Import => ({ from, to, isValue: true });
  assertEquals(circleIn([edge("a", "b"), edge("b", "c"), edge("a", "c")]), undefined);
  assertEquals(circleIn([edge("a", "b"), edge("b", "c"), edge("c", "b")]), ["b", "c"]);
});

Deno.test("every room has a door, a sentence in docs/architecture.md, and files enough for one room", async () => {
  const architecture = await Deno.readTextFile(new URL("docs/architecture.md", ROOT));
  const wrong: string[] = [];
  for (const room of FLOOR_OF.keys()) {
    if (room === ".") continue;
    const files: string[] = [];
    for await (const { name, isFile } of Deno.readDir(new URL(`${room}/`, ROOT))) {
      if (isFile) files.push(name);
    }
    if (!files.includes("mod.ts")) wrong.push(`${room} has no mod.ts`);
    if (files.length - 1 > MAX_FILES) wrong.push(`${room} has ${files.length - 1} files`);
    if (!architecture.includes(`\`${room}/\``)) {
      wrong.push(`docs/architecture.md does not name \`${room}/\``);
    }
  }
  for (const layer of ["allocator", "shard", "foreign", "structures"]) {
    for await (const { name, isDirectory } of Deno.readDir(new URL(`${layer}/`, ROOT))) {
      const room = `${layer}/${name}`;
      if (isDirectory && !FLOOR_OF.has(room)) wrong.push(`${room} has no row in this test`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("the library depends on nothing but Deno", async () => {
  const outside = (await imports()).map(({ to }) => to).filter((to) => !isOfLibrary(to));
  assertEquals([...new Set(outside)].sort(), [
    "node:async_hooks",
    "node:process",
  ]);
});

Deno.test("the allocator knows no Worker, no Promise and no shard", async () => {
  const forbidden = /\b(Worker|Promise|await|setTimeout|shardId|thisShard)\b|\basync [\w(*]/;
  const found: string[] = [];
  for (const room of [...FLOOR_OF.keys()].filter((room) => room.startsWith("allocator"))) {
    for await (const { name, isFile } of Deno.readDir(new URL(`${room}/`, ROOT))) {
      if (!isFile) continue;
      const text = await Deno.readTextFile(new URL(`${room}/${name}`, ROOT));
      const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*/g, "");
      if (forbidden.test(code)) found.push(`${room}/${name}: ${forbidden.exec(code)![0]}`);
    }
  }
  assertEquals(found, []);
});
