/**
 * `@std/assert` for machines that reach npm and not JSR: std's own code, as `npm:deno-std` carries
 * it compiled, with the types that package leaves out. `deno.json` gives this file the name
 * `@std/assert`; let it name `jsr:@std/assert@^1.0.16`, and the same tests run on JSR's copy.
 *
 * @module
 */
// @ts-types="./assert.d.ts"
export * from "npm:deno-std@1.4.0/assert/mod.js";
