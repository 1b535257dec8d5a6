/**
 * Who reads what an endpoint owns, and what may be freed: the ground that all structures stand on.
 *
 * @module
 */

export { StaleStructureError } from "./errors.ts";
export { ForeignStructure } from "./foreign_structure.ts";
export { Published, publishedBy } from "./published.ts";
export { type OwnersLife, Reading } from "./reading.ts";
export { Readers } from "./readers.ts";
export { BATCH_BLOCKS, RetiredBlocks, type RetiredOwner } from "./retired_blocks.ts";
export { OWN_WORD } from "./structure_header.ts";
