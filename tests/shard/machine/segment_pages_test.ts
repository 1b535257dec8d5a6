/** What the pages of a segment ask of the C library, and what comes of its refusals. */
import { assertEquals } from "@std/assert";
import type { Libc, OpenedLibc } from "../../../shard/machine/mod.ts";
import { SegmentPages } from "../../../shard/machine/mod.ts";

const BUFFER = new SharedArrayBuffer(64);

/** The calls that pages make, with answers of the test's own. */
class FakeLibc {
  readonly pageBytes = 4096;
  readonly calls: unknown[][] = [];
  address = 0x7000_0000_0000;
  errnos: readonly [present: number, madvise: number] = [0, 0];

  addressOf(): number {
    return this.address;
  }

  presentPages(address: number, byteLength: number): ReturnType<Libc["presentPages"]> {
    const [errno] = this.errnos;
    if (errno !== 0) return { errno };
    const half = { begin: address, end: address + byteLength / 2, isHuge: false };
    return {
      errno,
      value: [half, { begin: half.end + 4096, end: half.end + 8192, isHuge: false }],
    };
  }

  madvise(...call: number[]): number {
    this.calls.push(call);
    return this.errnos[1];
  }
}

function make(libc: FakeLibc, isHuge = false): SegmentPages {
  return new SegmentPages(BUFFER, isHuge, () => ({ libc: libc as unknown as Libc }));
}

Deno.test("SegmentPages.giveBack() gives the whole range, and counts the pages that were there", () => {
  const libc = new FakeLibc();
  const pages = make(libc);
  assertEquals(pages.giveBack(8192, 65536), 32768 + 4096);
  assertEquals(libc.calls, [[libc.address + 8192, 65536, 4]]);
  assertEquals([pages.problem, pages.pageBytes, pages.firstPage], [undefined, 4096, 0]);
});

Deno.test("SegmentPages.giveBack() says why the system refuses, until it does not", () => {
  const libc = new FakeLibc();
  const pages = make(libc);
  libc.errnos = [0, 22];
  assertEquals(pages.giveBack(0, 8192), undefined);
  assertEquals(
    pages.problem,
    "Cannot give memory back: madvise(MADV_DONTNEED) failed with EINVAL: locked memory stays: leave " +
      "`lock` out",
  );
  libc.errnos = [0, 1];
  assertEquals(pages.giveBack(0, 8192), undefined);
  assertEquals(
    pages.problem,
    "Cannot give memory back: madvise(MADV_DONTNEED) failed with EPERM: allow the call, or leave " +
      "`trimAfterMs` out",
  );
  libc.errnos = [38, 0];
  libc.calls.length = 0;
  assertEquals(pages.giveBack(0, 8192), undefined); // what is there cannot be told: nothing is given
  assertEquals(libc.calls, []);
  libc.errnos = [0, 0];
  assertEquals(pages.giveBack(0, 8192), 8192);
  assertEquals(pages.problem, undefined);
});

Deno.test("SegmentPages of huge pages are whole ones, wherever the segment begins", () => {
  const libc = new FakeLibc();
  assertEquals([make(libc, true).pageBytes, make(libc, true).firstPage], [2 ** 21, 0]);
  libc.address += 8192;
  assertEquals([make(libc, true).firstPage, make(libc).firstPage], [2 ** 21 - 8192, 0]);
  libc.address += 16;
  assertEquals(make(libc).firstPage, 4096 - 16);
});

Deno.test("SegmentPages open the C library once, and not before they need it", () => {
  let opened = 0;
  const open = (): OpenedLibc => {
    opened++;
    return { whyNot: "there is none here" };
  };
  const pages = new SegmentPages(BUFFER, false, open);
  assertEquals(opened, 0);
  assertEquals(pages.giveBack(0, 8192), undefined);
  assertEquals(pages.problem, "no memory goes back to the system: there is none here");
  assertEquals([pages.pageBytes, pages.firstPage, opened], [4096, 0, 1]);
});
