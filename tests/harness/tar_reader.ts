/**
 * Reads an archive as `deno publish` sends it: POSIX ustar (IEEE Std 1003.1, "pax"), plain files only.
 *
 * @module
 */

const BLOCK_BYTES = 512;
const NAME = { offset: 0, length: 100 };
const SIZE = { offset: 124, length: 12 };
const TYPE = { offset: 156, length: 1 };

/** The files of a tar archive, by their paths in it. */
export function readTar(archive: Uint8Array<ArrayBuffer>): Map<string, Uint8Array<ArrayBuffer>> {
  const files = new Map<string, Uint8Array<ArrayBuffer>>();
  for (let offset = 0; archive[offset] !== 0;) { // a block of zeros ends it
    const header = archive.subarray(offset, offset + BLOCK_BYTES);
    if (header.length < BLOCK_BYTES) {
      throw new RangeError("The archive ends without its closing block");
    }
    const path = textOf(header, NAME);
    const type = textOf(header, TYPE);
    if (type !== "0" && type !== "") {
      throw new TypeError(`Expected files alone in the archive: "${path}" is of type "${type}"`);
    }
    const byteLength = parseInt(textOf(header, SIZE), 8);
    offset += BLOCK_BYTES;
    files.set(path, archive.slice(offset, offset + byteLength));
    offset += Math.ceil(byteLength / BLOCK_BYTES) * BLOCK_BYTES;
  }
  return files;
}

/** A field of the header: text that a zero or the field's end ends. */
function textOf(header: Uint8Array, { offset, length }: { offset: number; length: number }) {
  const field = header.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}
