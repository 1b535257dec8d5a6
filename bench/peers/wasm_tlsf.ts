/**
 * TLSF in C (`native_tlsf.h`) as WebAssembly, called from JavaScript: what a user gets who compiles an
 * allocator instead of writing one. Compiled on the spot by clang and lld with `-O3`.
 *
 * @module
 */
import type { ReplayAllocator } from "../replay/replay.ts";

/** HEAP_BYTES of `native_tlsf.h`. */
const HEAP_BYTES = 2 ** 30;
const PAGE_BYTES = 65_536;
/** More than clang puts in front of the heap: 64 KiB of stack, lists and bitmaps. */
const DATA_PAGES = 4;

const FLAGS = [
  ...["--target=wasm32", "-O3", "-mbulk-memory", "-nostdlib"],
  ...["-Wl,--no-entry", "-Wl,--import-memory"],
];

/** Compiles the allocator; throws when there is no compiler, or what it said when it refuses. */
export async function compileWasmTlsf(): Promise<Uint8Array<ArrayBuffer>> {
  const folder = await Deno.makeTempDir({ prefix: "wasm_tlsf_" });
  try {
    const source = new URL("./wasm_tlsf.c", import.meta.url).pathname;
    const args = [...FLAGS, "-o", `${folder}/tlsf.wasm`, source];
    const { code, stderr } = await new Deno.Command("clang", { args }).output();
    if (code !== 0) {
      throw new Error(`clang ended with code ${code}: ${new TextDecoder().decode(stderr)}`);
    }
    return await Deno.readFile(`${folder}/tlsf.wasm`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw new Error("there is no compiler for WebAssembly: `clang` was not found", {
        cause: error,
      });
    }
    throw error;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Makes an allocator on a memory of its own. */
export function instantiateWasmTlsf(binary: Uint8Array<ArrayBuffer>): ReplayAllocator<number> {
  const pages = HEAP_BYTES / PAGE_BYTES + DATA_PAGES;
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
  const instance = new WebAssembly.Instance(new WebAssembly.Module(binary), { env: { memory } });
  // Called directly, as those of AssemblyScript: a wrapper around each would be our own cost.
  const { open, malloc, calloc, memalign, realloc, free } = instance.exports as unknown as
    & ReplayAllocator<number>
    & { open(): void };
  open();
  return { malloc, calloc, memalign, realloc, free };
}
