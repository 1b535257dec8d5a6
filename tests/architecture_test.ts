/**
 * The layers: imports point down only, and enter another folder through its `mod.ts` only. Checked
 * over the graph that Deno itself computes, so every form of import counts.
 */
import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../", import.meta.url);

/** Layers from the bottom up: a folder may import those before it. */
const LAYERS = ["allocator", "shard", "foreign"];

interface ModuleGraph {
  readonly modules: readonly {
    readonly specifier: string;
    readonly dependencies?: readonly {
      readonly specifier: string;
      readonly code?: { readonly specifier?: string };
      readonly type?: { readonly specifier?: string };
      readonly isDynamic?: boolean;
    }[];
  }[];
}

/** Imports of the library, as paths from the root. */
async function imports(): Promise<{ from: string; to: string }[]> {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", "mod.ts"],
    cwd: ROOT,
  }).output();
  assert(success);
  const graph: ModuleGraph = JSON.parse(new TextDecoder().decode(stdout));
  return graph.modules.flatMap(({ specifier, dependencies = [] }) =>
    dependencies.map(({ specifier: written, code, type }) => ({
      from: pathOf(specifier),
      to: pathOf(code?.specifier ?? type?.specifier ?? written),
    }))
  );
}

function pathOf(specifier: string): string {
  return specifier.startsWith(ROOT.href) ? specifier.slice(ROOT.href.length) : specifier;
}

function layerOf(path: string): number {
  return LAYERS.indexOf(path.split("/")[0]!);
}

Deno.test("imports point down, and enter a folder through its mod.ts", async () => {
  const wrong: string[] = [];
  const found = await imports();
  for (const { from, to } of found) {
    const fromLayer = layerOf(from);
    const toLayer = layerOf(to);
    const entry = to.replace(/[^/]+$/, "mod.ts");
    if (from === "mod.ts") {
      if (toLayer < 0 || to !== entry) wrong.push(`${from} imports ${to}`);
    } else if (toLayer >= 0 && toLayer !== fromLayer) {
      if (toLayer > fromLayer) wrong.push(`${from} imports ${to}, which is above it`);
      else if (to !== `${LAYERS[toLayer]}/mod.ts`) {
        wrong.push(`${from} imports ${to}, past the mod.ts`);
      }
    }
    if (
      to.startsWith("shard/bus/") && !from.startsWith("shard/bus/") && to !== "shard/bus/mod.ts"
    ) {
      wrong.push(`${from} imports ${to}, past the mod.ts`);
    }
    if (from.startsWith("shard/bus/") && to.startsWith("shard/") && !to.startsWith("shard/bus/")) {
      wrong.push(`${from} imports ${to}, which is above it`);
    }
  }
  assertEquals(wrong, []);
  // The test has seen the library and the worker's module, or it has checked nothing.
  for (const path of ["allocator/tlsf.ts", "shard/worker_main.ts", "foreign/foreign_ptr.ts"]) {
    assert(found.some(({ from }) => from === path), `${path} is not in the graph`);
  }
});

Deno.test("the library depends on nothing but Deno", async () => {
  const outside = (await imports())
    .map(({ to }) => to)
    .filter((to) => layerOf(to) < 0 && to !== "mod.ts");
  assertEquals([...new Set(outside)].sort(), ["node:process", "node:timers"]);
});

Deno.test("the allocator knows no Worker, no Promise and no shard", async () => {
  const forbidden = /\b(Worker|Promise|await|setTimeout|shardId|thisShard)\b|\basync [\w(*]/;
  const found: string[] = [];
  for await (const { name } of Deno.readDir(new URL("allocator/", ROOT))) {
    const text = await Deno.readTextFile(new URL(`allocator/${name}`, ROOT));
    const code = text.replace(/\/\*[\s\S]*?\*\//g, "").replace(/\/\/.*/g, "");
    if (forbidden.test(code)) found.push(`allocator/${name}: ${forbidden.exec(code)![0]}`);
  }
  assertEquals(found, []);
});
