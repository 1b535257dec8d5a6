/**
 * How a cell, a vector or a queue begins, so that who is given an address can tell what lies there, and
 * the owner who may still read it.
 *
 * ```
 * byte     0..3     MAGIC              owner    says that a structure lies here; 0 when it is disposed of
 *          4..7     KIND               owner    which structure, an index of KINDS
 *          8..11    FINGERPRINT        owner    a hash of its definition
 *         12..15    DESCRIPTION_BYTES  owner    bytes of DESCRIPTION
 *         16..127   DESCRIPTION        owner    the definition as text, in UTF-8, cut to the room there is
 *        128..      HOLDERS            readers  one word each endpoint: 1 + its epoch while it holds the structure
 * ```
 *
 * All of the owner's words but MAGIC are constant. What follows HOLDERS begins on a line of 128 bytes.
 *
 * @module
 */

/** Processors fetch lines of 64 bytes in pairs. */
export const LINE_BYTES = 128;
/** Bytes of a word. */
export const WORD_BYTES = 4;

/** MAGIC of a structure that is there: "Tide" in ASCII. */
export const MAGIC = 0x54696465;

/** Bytes to MAGIC. */
export const MAGIC_BYTES = 0;
/** Bytes to KIND. */
export const KIND_BYTES: number = MAGIC_BYTES + WORD_BYTES;
/** Bytes to FINGERPRINT. */
export const FINGERPRINT_BYTES: number = KIND_BYTES + WORD_BYTES;
/** Bytes to DESCRIPTION_BYTES. */
export const DESCRIPTION_LENGTH_BYTES: number = FINGERPRINT_BYTES + WORD_BYTES;
/** Bytes to DESCRIPTION. */
export const DESCRIPTION_START_BYTES: number = DESCRIPTION_LENGTH_BYTES + WORD_BYTES;
/** Room for DESCRIPTION. */
export const DESCRIPTION_CAPACITY_BYTES: number = LINE_BYTES - DESCRIPTION_START_BYTES;
/** Bytes to HOLDERS. */
export const HOLDERS_BYTES: number = DESCRIPTION_START_BYTES + DESCRIPTION_CAPACITY_BYTES;

/** The kinds of structures, by KIND. Never renumber one. */
export const KINDS = ["", "SeqCell", "SharedVector", "SharedQueue"];

/** Bytes of the header for so many endpoints, a multiple of a line. */
export function headerBytes(endpointCount: number): number {
  return HOLDERS_BYTES + Math.ceil(endpointCount * WORD_BYTES / LINE_BYTES) * LINE_BYTES;
}

/** A kind of structure and how it was defined. */
export interface Definition {
  /** One of {@linkcode KINDS}. */
  readonly kind: string;
  /** Its name, and all that both sides must agree on. */
  readonly text: string;
}

/** A definition in messages: "SeqCell Quote { bid: f64 }". */
export function shown({ kind, text }: Definition): string {
  return `${kind} ${text}`;
}

/** Writes all of the header but MAGIC, which `publishHeader()` writes when the rest is there. */
export function writeHeader(words: Int32Array, address: number, definition: Definition): void {
  const { kind, text } = definition;
  const room = new Uint8Array(DESCRIPTION_CAPACITY_BYTES);
  const { written } = new TextEncoder().encodeInto(text, room);
  words[(address + KIND_BYTES) / WORD_BYTES] = KINDS.indexOf(kind);
  words[(address + FINGERPRINT_BYTES) / WORD_BYTES] = fingerprint(text);
  words[(address + DESCRIPTION_LENGTH_BYTES) / WORD_BYTES] = written;
  new Uint8Array(words.buffer, address + DESCRIPTION_START_BYTES, room.length).set(room);
}

/** Says that a structure lies there. Whoever sends the address publishes it. */
export function publishHeader(words: Int32Array, address: number): void {
  words[(address + MAGIC_BYTES) / WORD_BYTES] = MAGIC;
}

/** Says that none does any more. */
export function endHeader(words: Int32Array, address: number): void {
  Atomics.store(words, (address + MAGIC_BYTES) / WORD_BYTES, 0);
}

/**
 * Throws unless a structure of that definition begins at the address.
 *
 * @param end Where memory ends that it can lie in.
 */
export function checkHeader(
  words: Int32Array,
  address: number,
  end: number,
  definition: Definition,
): void {
  const start = `Cannot read ${shown(definition)} at address ${address}`;
  const isThere = address % 8 === 0 && address + HOLDERS_BYTES <= end &&
    words[(address + MAGIC_BYTES) / WORD_BYTES] === MAGIC;
  if (!isThere) {
    throw new RangeError(`${start}: no structure begins there, or it was disposed of`);
  }
  const kind = KINDS[words[(address + KIND_BYTES) / WORD_BYTES]!] ?? "";
  const found = words[(address + FINGERPRINT_BYTES) / WORD_BYTES];
  if (kind === definition.kind && found === fingerprint(definition.text)) return;
  const length = words[(address + DESCRIPTION_LENGTH_BYTES) / WORD_BYTES]!;
  const from = address + DESCRIPTION_START_BYTES;
  // Copied, as TextDecoder takes no shared bytes everywhere.
  const bytes = new Uint8Array(words.buffer).slice(
    from,
    from + Math.min(length, DESCRIPTION_CAPACITY_BYTES),
  );
  const text = new TextDecoder().decode(bytes);
  throw new TypeError(
    `${start}: it is ${shown({ kind, text })}, made by another definition`,
  );
}

/** FNV-1a of 32 bits, by Fowler, Noll and Vo. */
function fingerprint(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash | 0;
}
