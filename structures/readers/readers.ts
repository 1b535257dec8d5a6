/**
 * What one endpoint owns that others read: the lines of its readers, its open structures, and what is to
 * be freed when nobody reads it any more.
 *
 * @module
 */

import { badAlloc } from "../../allocator/unstable_layers.ts";
import { type Endpoint, Life } from "../../shard/unstable_layers.ts";
import { RetiredBlocks, type RetiredOwner } from "./retired_blocks.ts";
import * as header from "./structure_header.ts";

/** The structures of one endpoint, a part of it: see `Endpoint.part()`. */
export class Readers implements RetiredOwner {
  /** The endpoint that owns them. */
  readonly endpoint: Endpoint;
  /** Its slice. */
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Blocks that no reader can find any more. */
  readonly retired: RetiredBlocks;
  #serials = 0;

  constructor(endpoint: Endpoint) {
    const { allocator, id, layout } = endpoint;
    this.endpoint = endpoint;
    this.words = sliceWords(endpoint, id);
    this.retired = new RetiredBlocks(
      controlWords(endpoint),
      Array.from({ length: layout.endpointCount }, (_, reader) => lineOf(endpoint, id, reader)),
      (reader, epoch) => new Life(endpoint, reader, epoch),
    );
    // Inside an allocation that would fail too: what is retired is nobody's any more.
    allocator.reclaimers.add(() => this.retired.collect(), {
      scope: "sync",
      heldBytes: () => this.#retiredBytes(),
    });
    endpoint.whenAsleep(() => this.retired.collect());
    endpoint.whenGone(() => this.retired.collect());
  }

  /** Index of the word at `address` in the owner's slice: the low bit of a reference is free. */
  indexOf(address: number): number {
    return (address - this.words.byteOffset) / 4;
  }

  /** The address of the word at an index. */
  addressOf(index: number): number {
    return this.words.byteOffset + index * 4;
  }

  /**
   * Allocates `byteLength` bytes that readers will see.
   *
   * @returns Their index in `words`, an even number.
   * @throws {BadAllocError} If there is no room.
   */
  allocate(byteLength: number, what: string, alignment = 8): number {
    const { allocator } = this.endpoint;
    const address = allocator.memalign(alignment, byteLength);
    if (address === 0) throw badAlloc(allocator, byteLength, alignment, what);
    return this.indexOf(address);
  }

  /** Frees a block that was retired. */
  release(address: number): void {
    this.endpoint.allocator.free(address);
  }

  /** The block at `index`, which nobody can find from now on, is freed when nobody reads it. */
  retire(index: number, owner: RetiredOwner = this): void {
    this.retired.retire(this.addressOf(index), owner);
  }

  /**
   * Writes the header of a structure at `index`, which tells its readers what it is.
   *
   * @throws {BadAllocError} If there is no room for the text of the definition.
   */
  open(index: number, definition: string): void {
    const { words } = this;
    const { address, byteLength } = this.endpoint.allocator.allocateText(definition);
    if (address === 0) {
      throw badAlloc(this.endpoint.allocator, byteLength, 8, "the definition of a structure");
    }
    this.#serials = (this.#serials + 1) | 0;
    words[index + header.SERIAL_WORD] = this.#serials;
    words[index + header.EPOCH_WORD] = this.endpoint.epochOf(this.endpoint.id);
    words[index + header.DEFINITION_WORD] = this.indexOf(address);
    words[index + header.LENGTH_WORD] = byteLength;
    words[index + header.MAGIC_WORD] = header.STRUCTURE_MAGIC;
  }

  /** Closes the structure at `index`. Readers find that at their next reading; what it held can be retired. */
  close(index: number): void {
    const { words } = this;
    // Published by the round: whoever begins to read from now on finds neither.
    words[index + header.MAGIC_WORD] = 0;
    words[index + header.SERIAL_WORD] = 0;
    this.retired.round();
    this.retire(words[index + header.DEFINITION_WORD]!);
  }

  #retiredBytes(): number {
    const { allocator } = this.endpoint;
    let bytes = 0;
    for (const address of this.retired.addresses()) bytes += allocator.mallocUsableSize(address);
    return bytes;
  }
}

/** The slice of an endpoint as words. */
export function sliceWords(endpoint: Endpoint, owner: number): Int32Array<SharedArrayBuffer> {
  const { byteOffset, byteLength } = endpoint.layout.slices[owner]!;
  return new Int32Array(endpoint.buffer, byteOffset, Math.floor(byteLength / 4));
}

/** The control words of a segment. */
export function controlWords({ buffer, layout }: Endpoint): Int32Array<SharedArrayBuffer> {
  return new Int32Array(buffer, 0, layout.controlByteLength >> 2);
}

/** Index of the line about what `reader` reads of what `owner` has. */
export function lineOf({ layout }: Endpoint, owner: number, reader: number): number {
  return layout.readings(owner, reader) >> 2;
}
