/**
 * What a slice still holds of a former owner's life when it is formatted anew. Others may hold
 * addresses of that life, and free them at any time. Two things keep such an address from passing for
 * that of a live block.
 *
 * All memory that the former life has written is cleared, so that none of its headers is left. A heap
 * hands memory out from its start upwards, so all that was written lies below the highest place at
 * which the free memory at its end has begun. That place moves down only when the block in front of it
 * is freed, and `Tlsf.release()` notes the end of the highest block that it met. With where the free
 * memory begins now, that is the whole of it: memory beyond is neither read nor written, and costs
 * nothing. The former owner may have died of a heap that was overwritten; so no block is followed, and
 * where figures do not agree, all of the heap is cleared.
 *
 * And lives take turns in where they begin, as a program that is started again asks for the same
 * blocks in the same order: every other one leaves a sixteenth of the heap fallow at its start, and
 * takes it into use when no other memory is left. Without that, the first block of a life would lie
 * where the first of the former lay.
 *
 * @module
 */
import {
  blockAfter,
  CACHED,
  FALLOW_KEPT,
  FALLOW_NONE,
  FALLOW_WORD,
  firstBlockOf,
  FREE,
  FREE_BLOCK_WORDS,
  granulesOf,
  heapGranulesOf,
  PREVIOUS_FREE,
  sentinelOf,
  SIZE_SHIFT,
  SMALLEST_BLOCK_GRANULES,
  TOUCHED_CHECK_WORD,
  TOUCHED_WORD,
} from "../layout/mod.ts";

/** The part of the heap that every other life leaves fallow. */
const FALLOW_PART = 16;

/**
 * Sets all memory of the heap to 0 that a former owner may have written. The control words stay, so
 * that it is done again if the new owner ends in the middle of it. Memory that never was a slice is
 * left alone if its control words are 0, as those of a new segment are; else it is cleared whole.
 *
 * @returns granules that the life which begins leaves fallow
 */
export function clearFormerLife(words: Int32Array): number {
  const first = firstBlockOf(words.length);
  if (words.subarray(0, first).every((word) => word === 0)) return 0;
  const fallow = fallowGranules(words);
  const isKept = words[FALLOW_WORD] === FALLOW_KEPT && isFallowIntact(words);
  words.fill(0, isKept ? blockAfter(first, fallow) : first, touchedEnd(words));
  words[first] = 0; // all that there is in a fallow that nobody had
  return words[FALLOW_WORD] === FALLOW_NONE && fallow >= SMALLEST_BLOCK_GRANULES ? fallow : 0;
}

/** Granules that a life leaves fallow, if it does. */
function fallowGranules(words: Int32Array): number {
  // An odd number: two lives that ask for 16 bytes each time do not meet later on either.
  return Math.floor(heapGranulesOf(words.length) / FALLOW_PART) | 1;
}

/** Whether the header of a fallow that is kept is as it was. */
export function isFallowIntact(words: Int32Array): boolean {
  return words[firstBlockOf(words.length)] === ((fallowGranules(words) << SIZE_SHIFT) | CACHED);
}

/** The end of what may have been written, as far as the control words and the end of the heap tell. */
function touchedEnd(words: Int32Array): number {
  const first = firstBlockOf(words.length);
  const sentinel = sentinelOf(words.length);
  const noted = words[TOUCHED_WORD]!;
  const last = words[sentinel - 1]!;
  if (words[TOUCHED_CHECK_WORD] !== ~noted || noted < first || noted > sentinel) return sentinel;
  if (words[sentinel] !== PREVIOUS_FREE || last < first || last >= sentinel) return sentinel;
  const header = words[last]!;
  if ((header & FREE) === 0 || blockAfter(last, granulesOf(header)) !== sentinel) return sentinel;
  return Math.min(Math.max(noted, last) + FREE_BLOCK_WORDS, sentinel);
}
