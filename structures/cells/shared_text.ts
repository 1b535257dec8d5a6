/**
 * Text that does not change, in memory that all shards read: sent by a pointer, decoded once a thread.
 *
 * @module
 */

import { segmentOf } from "../../allocator/mod.ts";
import { arraysOver, readText } from "../../allocator/unstable_layers.ts";
import type { ForeignPtr } from "../../foreign/mod.ts";
import { kindOf } from "../header/mod.ts";
import {
  blockOf,
  CONTENT_BYTES,
  type ImmutableBlockView,
  type ImmutableContent,
  makeImmutable,
} from "./immutable_block.ts";

/** Text that some shard owns, and that whoever has the pointer can read: `SharedText.make()` gives one. */
export type SharedText = ForeignPtr<ImmutableContent, "shared">;

/** What `SharedText` does. */
export interface SharedTextOperations {
  /**
   * Copies text into this shard's slice, as UTF-8. Half a surrogate pair becomes U+FFFD.
   *
   * @returns The pointer, with `copy()` for others.
   * @throws {TypeError} If it is not text, or this thread is not a shard: the host owns no objects.
   * @throws {BadAllocError} If there is no room.
   */
  make(text: string): SharedText;
  /**
   * The text as a string. It is decoded when it is first read on a thread; later, and by other pointers to it,
   * that takes no more than to find it.
   *
   * @throws {TypeError} If the pointer is null, or one to something else.
   * @throws {StaleForeignPtrError} If the text is no longer there, as its shard was started again.
   */
  read(pointer: SharedText): string;
  /**
   * Its UTF-8 where it lies, to be read, and not longer than the pointer is held. Fails as `read()` does.
   */
  bytes(pointer: SharedText): Uint8Array<SharedArrayBuffer>;
}

/** What text was read here lately, by the segment that it lies in. */
const decodedIn = new WeakMap<SharedArrayBuffer, DecodedTexts>();
/** What keeps a decoded text: the pointers by which it was read. */
const decodedBy = new WeakMap<SharedText, DecodedText>();

/** A text that was decoded on this thread. */
interface DecodedText {
  readonly serial: number;
  readonly text: string;
}

/** The decoded texts of one segment, as long as somebody has a pointer to them here. */
class DecodedTexts {
  readonly #byAddress = new Map<number, WeakRef<DecodedText>>();
  readonly #lost = new FinalizationRegistry<number>((address) => {
    if (this.#byAddress.get(address)?.deref() === undefined) this.#byAddress.delete(address);
  });

  get(block: ImmutableBlockView): DecodedText {
    const { address, serial } = block;
    const known = this.#byAddress.get(address)?.deref();
    if (known?.serial === serial) return known; // or another text lies there now
    const arrays = arraysOver(segmentOf(block));
    const decoded = { serial, text: readText(arrays, address + CONTENT_BYTES, block.bytes) };
    this.#byAddress.set(address, new WeakRef(decoded));
    this.#lost.register(decoded, address);
    return decoded;
  }
}

/**
 * Immutable text in shared memory, for what many shards read: a page, a template, a dictionary. It is sent as
 * a foreign pointer, of five words however long the text is, and freed on its shard with the last of them.
 *
 * @example
 * ```ts ignore
 * // pages.ts
 * import { defineTasks } from "@tidepool/core";
 * import { SharedText } from "@tidepool/core/structures";
 *
 * export const pages = defineTasks(import.meta.url, {
 *   make: (html: string) => SharedText.make(html),
 *   length(page: SharedText) {
 *     using own = page; // this shard's pointer, which ends here
 *     return SharedText.read(own).length;
 *   },
 * });
 * ```
 *
 * ```ts ignore
 * // main.ts
 * import { Runtime } from "@tidepool/core";
 * import { SharedText } from "@tidepool/core/structures";
 * import { assertEquals } from "@std/assert";
 * import { pages } from "./pages.ts";
 *
 * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
 * await using page = await runtime.submitTo(0, pages.make, "<h1>Tides</h1>");
 * assertEquals(SharedText.read(page), "<h1>Tides</h1>");
 * assertEquals(await runtime.submitTo(1, pages.length, await page.copy()), 14);
 * ```
 */
export const SharedText: SharedTextOperations = Object.freeze<SharedTextOperations>({
  make(text: string): SharedText {
    if (typeof text !== "string") {
      throw new TypeError(`Cannot make a SharedText of ${kindOf(text)}: expected a string`);
    }
    return makeImmutable("SharedText", new TextEncoder().encode(text));
  },

  read(pointer: SharedText): string {
    const block = blockOf("SharedText", pointer);
    const known = decodedBy.get(pointer);
    if (known?.serial === block.serial) return known.text;
    const segment = segmentOf(block);
    let texts = decodedIn.get(segment);
    if (texts === undefined) decodedIn.set(segment, texts = new DecodedTexts());
    const decoded = texts.get(block);
    decodedBy.set(pointer, decoded);
    return decoded.text;
  },

  bytes(pointer: SharedText): Uint8Array<SharedArrayBuffer> {
    const block = blockOf("SharedText", pointer);
    return new Uint8Array(segmentOf(block), block.address + CONTENT_BYTES, block.bytes);
  },
});
