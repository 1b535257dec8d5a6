/**
 * How a small structure begins in memory, what may lie in it, and who holds it.
 *
 * @module
 */

export { checkElement, checkName, describeType, kindOf } from "./element_type.ts";
export { makeBlock } from "./make_block.ts";
export {
  type Definition,
  headerBytes,
  LINE_BYTES,
  publishHeader,
  shown,
  WORD_BYTES,
  writeHeader,
} from "./structure_header.ts";
export { endpointOf, Tenancies, type Tenancy } from "./tenancy.ts";
