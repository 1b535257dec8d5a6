/** Sees who uses what Deno loads at its first use. */

/** Each takes 3 to 10 ms and 1 to 2 MiB of a thread. */
const LOADED_LATE = [
  "Buffer",
  "ReadableStream",
  "TransformStream",
  "WritableStream",
  "clearTimeout",
  "setImmediate",
  "setInterval",
  "setTimeout",
];

/** @returns the names of those that are used from now on; the list grows */
export function watchGlobals(): string[] {
  const used: string[] = [];
  for (const name of LOADED_LATE) {
    const own = Object.getOwnPropertyDescriptor(globalThis, name)!;
    Object.defineProperty(globalThis, name, {
      configurable: true,
      get() {
        used.push(name);
        return own.get === undefined ? own.value : own.get.call(globalThis);
      },
    });
  }
  return used;
}
