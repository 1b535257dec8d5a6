/**
 * `@std/assert` for machines that reach npm and not JSR: std's own code, as `npm:deno-std` carries
 * it compiled, with the types that package leaves out. `deno.json` links this folder in the place
 * of `jsr:@std/assert`; delete the link and the same tests run on JSR's copy.
 *
 * @module
 */
// @ts-types="./assert.d.ts"
export * from "npm:deno-std@1.4.0/assert/mod.js";
