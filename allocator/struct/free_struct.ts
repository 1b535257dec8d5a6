/**
 * The end of a struct and of what it owns.
 *
 * @module
 */
import type { BlockSource } from "../malloc/mod.ts";
import { describe } from "./describe.ts";
import { type AnyView, FREE, isStructView, segmentOf, type ViewState } from "./view_memory.ts";

/**
 * Frees a struct or an array, and the text and bytes that its fields own. Any thread may, as with
 * {@linkcode Allocator.free}; without such fields it is the same as that.
 *
 * @param allocator the allocator of this thread, or the arena that the struct was made in
 * @param view a view of the struct
 * @param address where the struct is, if the view has been moved since
 * @throws {TypeError} if `view` is not a view, or of another segment
 * @throws {DoubleFreeError} if the struct is free
 * @throws {InvalidAddressError} if no block begins there: as at a struct inside of another
 *
 * @example
 * ```ts
 * import { Allocator, freeStruct, struct, text } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * const Page = struct("Page", { title: text(), body: text() });
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const page = Page.make(allocator, { title: "Tides", body: "Twice a day" });
 * freeStruct(allocator, page);
 * assertEquals(allocator.liveBlocks, 0);
 * ```
 */
export function freeStruct(
  allocator: BlockSource,
  view: AnyView,
  address: number = view?.address,
): void {
  if (typeof view !== "object" || view === null || !isStructView(view)) {
    throw new TypeError(
      `Cannot free ${describe(view)}: expected a view of a struct or of an array`,
    );
  }
  if (segmentOf(view) !== allocator.buffer) {
    throw new TypeError(
      `Cannot free the struct at ${address}: it lies in another segment than the allocator`,
    );
  }
  (view as unknown as ViewState)[FREE](allocator, address);
}
