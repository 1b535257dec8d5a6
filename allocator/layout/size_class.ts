/**
 * Sizes and their classes, after TLSF (Masmano, Ripoll, Crespo, Real, ECRTS 2004, section 7): the
 * first level is the power of two, the second divides it in 32.
 *
 * Sizes are counted in *granules* of 8 bytes, header included. Both levels are kept as one number,
 * `level * 32 + list`, which makes the mapping continuous: a size that rounds up past the last list
 * of its level lands on the first list of the next one with no case of its own. Below 32 granules
 * every size has its own class, so that nothing is rounded there.
 *
 * As in the reference implementation (TLSF 2.4.6, `MAPPING_SEARCH`) a request is rounded up to the
 * smallest size of the class it is searched in, and the rounded size is what the block gets:
 * otherwise a freed block would lie one list below the one that the same request searches.
 *
 * @module
 */

/** Bytes of one granule, the unit of block sizes and the alignment of payloads. */
export const GRANULE_BYTES = 8;
/** A block holds its header and, once free, two links and a back reference: 16 bytes. */
export const SMALLEST_BLOCK_GRANULES = 2;
/** Second-level lists of each first level. */
export const LISTS_PER_LEVEL = 32;
/** First levels that a slice of 4 GiB needs. */
export const LEVELS = 26;

/**
 * Granules of the block that holds a payload of `byteLength` bytes and its 4-byte header.
 * Exact for lengths up to 2^32 - 12, which is more than a slice can hold.
 */
export function granulesFor(byteLength: number): number {
  const granules = (byteLength + 11) >>> 3;
  return granules < SMALLEST_BLOCK_GRANULES ? SMALLEST_BLOCK_GRANULES : granules;
}

/** The class whose list a free block of `granules` belongs to: the last whose smallest size fits. */
export function sizeClassOf(granules: number): number {
  const shift = 26 - Math.clz32(granules | 32);
  return (shift << 5) + (granules >>> shift);
}

/** The first class in which every block can hold `granules`. */
export function searchClassOf(granules: number): number {
  const shift = 26 - Math.clz32(granules | 32);
  return (shift << 5) + ((granules + (1 << shift) - 1) >>> shift);
}

/** `granules` rounded up to the smallest size of {@linkcode searchClassOf} it. */
export function roundedGranules(granules: number): number {
  const shift = 26 - Math.clz32(granules | 32);
  return ((granules + (1 << shift) - 1) >>> shift) << shift;
}

/** The smallest size that belongs to a class. */
export function smallestOfClass(sizeClass: number): number {
  const level = sizeClass >>> 5;
  return level === 0 ? sizeClass : ((sizeClass & 31) + 32) << (level - 1);
}
