/** Structs that own text and bytes, and who reads, replaces and destroys them. */
import { defineTasks, type ForeignPtr, localAllocator, makeForeign, SharedPtr } from "../../mod.ts";
import { bytes, i32, struct, text, type ViewOf } from "../../allocator/mod.ts";

export const Page = struct("Page", { number: i32, body: text(), image: bytes() });
type PageView = ViewOf<typeof Page>;

function makePage(body: string, imageBytes: number): PageView {
  const image = new Uint8Array(imageBytes).fill(7);
  return Page.make(localAllocator(), { number: 1, body, image });
}

/** Text that a page had when its destructor ran. */
const lastWords: string[] = [];

export const ownedFieldTasks = defineTasks(import.meta.url, {
  open: (body: string, imageBytes: number): ForeignPtr<PageView> =>
    makeForeign(makePage(body, imageBytes)),
  openShared: (body: string) =>
    makeForeign(
      new SharedPtr(makePage(body, 10), async (page) => {
        await Promise.resolve();
        lastWords.push(page.body);
      }),
    ),
  read: (pointer: ForeignPtr<PageView>): [string, number] => {
    const { body, image } = pointer.view(Page);
    const answer: [string, number] = [body, image.reduce((sum, byte) => sum + byte, 0)];
    pointer[Symbol.dispose](); // destroyed at home
    return answer;
  },
  replace: (page: PageView, body: string): void => {
    page.body = body;
  },
  replaceFromElsewhere: (address: number): void => {
    Page.at(localAllocator(), address).body = "mine";
  },
  moveView: (page: PageView): void => {
    page.at(makePage("another", 0).address);
  },
  lastWords: () => lastWords,
  liveBlocks: () => localAllocator().liveBlocks,
});
