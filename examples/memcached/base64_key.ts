/**
 * Keys in base64, as meta commands have them with the flag b: read as memcached reads them, which
 * passes over every character that is not of base64.
 *
 * @module
 */

const PADDING = "=".charCodeAt(0);

/** What each character stands for: six bits, 0 for the padding; -1 for characters of no meaning. */
const MEANINGS: Int8Array = meanings();

function meanings(): Int8Array {
  const meanings = new Int8Array(256).fill(-1);
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (let i = 0; i < alphabet.length; i++) meanings[alphabet.charCodeAt(i)] = i;
  meanings[PADDING] = 0;
  return meanings;
}

/**
 * The key that the bytes from `start` to `end` stand for; undefined if they are no groups of four, or
 * have too much padding. What follows a group with padding does not count.
 */
export function decodeKey(bytes: Uint8Array, start: number, end: number): Uint8Array | undefined {
  const characters = bytes.subarray(start, end).filter((byte) => MEANINGS[byte] !== -1);
  if (characters.length === 0 || characters.length % 4 !== 0) return undefined;
  const key: number[] = [];
  for (let at = 0; at < characters.length; at += 4) {
    const group = characters.subarray(at, at + 4);
    const [a, b, c, d] = Array.from(group, (byte) => MEANINGS[byte]!) as [
      number,
      number,
      number,
      number,
    ];
    key.push((a << 2 | b >> 4) & 255, (b << 4 | c >> 2) & 255, (c << 6 | d) & 255);
    const padding = group.filter((byte) => byte === PADDING).length;
    if (padding > 2) return undefined;
    key.length -= padding;
    if (padding > 0) break;
  }
  return Uint8Array.from(key);
}

/** A key in base64. */
export function encodeKey(key: Uint8Array): string {
  return key.slice().toBase64(); // of a copy that is not shared, as toBase64() wants it
}
