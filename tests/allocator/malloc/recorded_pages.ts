/**
 * A system that takes pages back, and notes which. It refuses to take what is not free, and leaves in
 * the pages whatever a test wants to find there.
 *
 * @module
 */
import type { Allocator, SystemPages } from "../../../allocator/mod.ts";
import { walkHeap } from "../../../allocator/diagnosis/mod.ts";

/** Header and links of a free block, in bytes from its payload, and the back reference at its end. */
const LINK_BYTES = 8;
const BACK_REFERENCE_BYTES = 4;
const HEADER_BYTES = 4;

export class RecordedPages implements SystemPages {
  readonly firstPage: number;
  readonly pageBytes: number;
  /** What was given back, as first byte and the one after the last. */
  readonly given: [from: number, to: number][] = [];
  /** Whether to refuse, as a kernel does for locked memory. */
  refuses = false;
  /** Set when it exists: the pages are an option of its own. */
  allocator: Allocator | undefined;
  readonly #content: number;

  /** `content` is what each byte is, once it was given back. */
  constructor(pageBytes = 4096, content = 0, firstPage = 0) {
    this.firstPage = firstPage;
    this.pageBytes = pageBytes;
    this.#content = content;
  }

  giveBack(byteOffset: number, byteLength: number): number | undefined {
    const end = byteOffset + byteLength;
    const isWhole = [byteOffset, end].every((at) => (at - this.firstPage) % this.pageBytes === 0);
    if (!isWhole || byteLength <= 0) {
      throw new Error(`${byteOffset} to ${end} are no whole pages of ${this.pageBytes}`);
    }
    const { buffer, slice } = this.allocator!;
    const isFree = walkHeap(buffer, slice).some((block) =>
      block.free && byteOffset >= block.address + LINK_BYTES &&
      end <= block.address + block.byteLength - HEADER_BYTES - BACK_REFERENCE_BYTES
    );
    if (!isFree) throw new Error(`${byteOffset} to ${end} are not all in one free block`);
    if (this.refuses) return undefined;
    new Uint8Array(buffer, byteOffset, byteLength).fill(this.#content);
    this.given.push([byteOffset, end]);
    return byteLength;
  }

  /** What was given back since it was last asked, in bytes. */
  take(): number {
    return this.given.splice(0).reduce((sum, [from, to]) => sum + to - from, 0);
  }
}
