// deno-lint-ignore-file no-console -- a command-line program
/**
 * `map_memory_main.ts <map|shared> <keys>`: bytes that a key and its number take, on a heap that is collected
 * before and after: run with `--v8-flags=--expose-gc`.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import { keysOf } from "./map_keys.ts";
import { Numbers } from "./map_tasks.ts";

const [kind, count] = [Deno.args[0], Number(Deno.args[1])] as const;

function heapBytes(): number {
  const { gc } = globalThis as unknown as { readonly gc: () => void };
  gc();
  return Deno.memoryUsage().heapUsed;
}

async function bytesPerKey(): Promise<number> {
  if (kind === "map") {
    const map = new Map<string, number>();
    const before = heapBytes();
    // Numbers with a fraction, as a shared map of f64 is made for.
    keysOf(count).forEach((key, index) => map.set(key, index + 0.5));
    const bytes = heapBytes() - before;
    return map.size === count ? bytes / count : NaN;
  }
  await using runtime = await Runtime.start({ shards: 1, memory: "16MiB", hostMemory: "512MiB" });
  using map = Numbers.make(runtime);
  const { allocator } = runtime["endpoint"];
  const before = allocator.usedBytes;
  keysOf(count).forEach((key, index) => map.set(key, index + 0.5));
  return (allocator.usedBytes - before) / count;
}

console.log(await bytesPerKey());
