// deno-lint-ignore-file no-import-prefix -- fetched by who compares, not by everyone
/**
 * AssemblyScript's TLSF allocator (`std/assembly/rt/tlsf.ts`), as a user of WebAssembly would have
 * it: compiled by `npm:assemblyscript` with `-O3 --runtime minimal`, called from JavaScript.
 *
 * Its assertions stay in, as they do for any user of that command. Its memory is imported, so that
 * a limit can be set from outside; it has no memalign, and aligns every block to 16 bytes.
 *
 * @module
 */
import type { ReplayAllocator } from "../replay/replay.ts";

/** Bytes of one page of WebAssembly memory, the step in which it can be limited. */
export const WASM_PAGE_BYTES = 65_536;

const SOURCE = `
export function malloc(byteLength: usize): usize { return heap.alloc(byteLength); }
export function calloc(byteLength: usize): usize {
  const address = heap.alloc(byteLength);
  memory.fill(address, 0, byteLength);
  return address;
}
export function realloc(address: usize, byteLength: usize): usize {
  return heap.realloc(address, byteLength);
}
export function free(address: usize): void { heap.free(address); }
`;

/** Compiles the allocator; throws what the compiler said when it fails. */
export async function compileAssemblyScriptTlsf(): Promise<Uint8Array> {
  const compiler = (await import("npm:assemblyscript@0.28.20/asc")).default;
  let said = "";
  const write = (chunk: string | Uint8Array): boolean => {
    said += typeof chunk === "string" ? chunk : new TextDecoder().decode(chunk);
    return true;
  };
  let binary: Uint8Array | undefined;
  const { error } = await compiler.main(
    ["tlsf.ts", "--outFile", "tlsf.wasm", "-O3", "--runtime", "minimal", "--importMemory"],
    {
      readFile: (name: string) => name === "tlsf.ts" ? SOURCE : null,
      writeFile: (_name: string, contents: string | Uint8Array) => {
        if (typeof contents !== "string") binary = contents;
      },
      listFiles: () => [],
      stdout: { write },
      stderr: { write },
    },
  );
  if (error !== null || binary === undefined) {
    throw new Error(`The AssemblyScript compiler failed: ${error?.message ?? ""} ${said}`);
  }
  return binary;
}

/** Makes an allocator on a memory of its own, which grows up to `maximumPages`. */
export function instantiateAssemblyScriptTlsf(
  binary: Uint8Array<ArrayBuffer>,
  maximumPages = 65_536,
): ReplayAllocator<number> {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: maximumPages });
  const abort = (): never => {
    throw new Error("the AssemblyScript allocator aborted: no memory, or an assertion failed");
  };
  const instance = new WebAssembly.Instance(new WebAssembly.Module(binary), {
    env: { memory, abort },
  });
  // The exported functions are called directly: a wrapper around each would be our own cost.
  const { malloc, calloc, realloc, free } = instance.exports as unknown as {
    malloc(byteLength: number): number;
    calloc(byteLength: number): number;
    realloc(address: number, byteLength: number): number;
    free(address: number): void;
  };
  const memalign = (_alignment: number, byteLength: number): number => malloc(byteLength);
  return { malloc, calloc, memalign, realloc, free };
}
