/**
 * What a freeing thread does about the owner of the block: wakes one that is short of memory, and counts
 * what it can give back to nobody. All allocators are on one thread here.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Allocator, InvalidAddressError } from "../../../allocator/mod.ts";
import { REMOTE_BATCH_BLOCKS } from "../../../allocator/malloc/remote_free_list.ts";

const SLICES = [0, 1, 2].map((index) => ({ byteOffset: index * 65536, byteLength: 65536 }));

function make(): [Allocator, Allocator, Allocator] {
  const segment = new SharedArrayBuffer(3 * 65536);
  return SLICES.map((_, index) => Allocator.create(segment, SLICES, index)) as [
    Allocator,
    Allocator,
    Allocator,
  ];
}

/** What `other` would wake. */
function wakes(other: Allocator): number[] {
  const woken: number[] = [];
  other.remoteFrees.onOwnerShort = (sliceIndex) => woken.push(sliceIndex);
  return woken;
}

Deno.test("a free wakes the owner that slept with little free memory, once a batch", () => {
  const [owner, other] = make();
  const woken = wakes(other);
  const addresses = Array.from({ length: REMOTE_BATCH_BLOCKS * 2 }, () => owner.malloc(40));
  owner.malloc(owner.statistics().largestFreeBytes - 4);
  assert(!owner.hasRemoteFrees()); // the last thing before a sleep
  for (const address of addresses.slice(0, REMOTE_BATCH_BLOCKS - 1)) other.free(address);
  assertEquals(woken, []); // gathered only
  other.free(addresses[REMOTE_BATCH_BLOCKS - 1]!);
  assertEquals(woken, [0]);
  other.free(addresses[REMOTE_BATCH_BLOCKS]!);
  other.flushRemoteFrees();
  assertEquals(woken, [0, 0]);
  other.flushRemoteFrees();
  assertEquals(woken, [0, 0]);
});

Deno.test("a free wakes the owner that slept after a request failed, until memory came back", () => {
  const [owner, other] = make();
  const woken = wakes(other);
  const [a, b, c] = [owner.malloc(20_000), owner.malloc(10), owner.malloc(10)];
  assertEquals(owner.malloc(60_000), 0);
  assert(!owner.hasRemoteFrees());
  other.free(a!);
  other.flushRemoteFrees();
  assertEquals(woken, [0]);
  assert(owner.hasRemoteFrees());
  assertEquals(owner.drainRemoteFrees(), 1);
  assert(!owner.hasRemoteFrees());
  other.free(b!);
  other.free(c!);
  other.flushRemoteFrees();
  assertEquals(woken, [0]);
});

Deno.test("a free leaves an owner alone that sleeps with plenty of memory, or does not sleep", () => {
  const [owner, other] = make();
  const woken = wakes(other);
  const [a, b] = [owner.malloc(20), owner.malloc(20)];
  assert(!owner.hasRemoteFrees());
  other.free(a!);
  other.flushRemoteFrees();
  owner.malloc(owner.statistics().largestFreeBytes - 4);
  other.free(b!); // short by now, but it has not looked since
  other.flushRemoteFrees();
  assertEquals(woken, []);
});

Deno.test("the mark of low water says when the owner is short", () => {
  const [owner, other] = make();
  const woken = wakes(other);
  const [a, b] = [owner.malloc(20), owner.malloc(20)];
  owner.reclaimers.lowWaterBytes = 65536;
  owner.hasRemoteFrees();
  other.free(a!);
  other.flushRemoteFrees();
  assertEquals(woken, [0]);
  owner.reclaimers.lowWaterBytes = 0;
  owner.drainRemoteFrees();
  owner.hasRemoteFrees();
  other.free(b!);
  other.flushRemoteFrees();
  assertEquals(woken, [0]);
});

Deno.test("RemoteFreeSender.retire() counts what was gathered, and what comes, and queues nothing", () => {
  const [owner, other, third] = make();
  const addresses = Array.from({ length: 5 }, () => owner.malloc(40));
  const elsewhere = third.malloc(40);
  other.free(addresses[0]!);
  other.free(elsewhere);
  other.free(addresses[1]!);
  other.remoteFrees.retire(0);
  assertEquals(other.statistics().remoteFreesDropped, 2);
  other.free(addresses[2]!);
  assertEquals(other.realloc(addresses[3]!, 80) > 0, true);
  other.flushRemoteFrees();
  const { remoteFreesSent, remoteFreesDropped } = other.statistics();
  // Two gathered too late and one that the other owner takes; two were never queued.
  assertEquals([remoteFreesSent, remoteFreesDropped], [3, 4]);
  assert(!owner.hasRemoteFrees());
  assertEquals(third.drainRemoteFrees(), 1);
  other.remoteFrees.retire(0); // twice is once
  assertEquals(other.statistics().remoteFreesDropped, 4);
});

Deno.test("RemoteFreeSender.restore() frees the blocks of the new owner", () => {
  const [owner, other] = make();
  other.free(owner.malloc(40));
  other.remoteFrees.retire(0);
  const segment = owner.buffer;
  const next = Allocator.create(segment, SLICES, 0);
  other.remoteFrees.restore(0);
  other.free(next.malloc(40));
  other.flushRemoteFrees();
  assertEquals(next.drainRemoteFrees(), 1);
  assertEquals(other.statistics().remoteFreesDropped, 1);
});

Deno.test("RemoteFreeSender.restore() without retire() drops what the old owner's slice had to get", () => {
  const [owner, other] = make();
  other.free(owner.malloc(40));
  const next = Allocator.create(owner.buffer, SLICES, 0);
  other.remoteFrees.restore(0);
  other.flushRemoteFrees();
  assert(!next.hasRemoteFrees());
  assertEquals(other.statistics().remoteFreesDropped, 1);
});

Deno.test("a retired slice whose owner isBack() gets its blocks, and loses none by restore()", () => {
  const [owner, other] = make();
  const stale = owner.malloc(40);
  other.remoteFrees.retire(0);
  let back = false;
  other.remoteFrees.isBack = (slice) => slice === 0 && back;
  other.free(stale);
  const next = Allocator.create(owner.buffer, SLICES, 0);
  back = true;
  const [a, b, c] = [next.malloc(40), next.malloc(40), next.malloc(40)];
  assertThrows(() => other.free(stale), InvalidAddressError);
  other.free(a);
  other.flushRemoteFrees();
  assertEquals(next.drainRemoteFrees(), 1);
  other.free(b);
  other.remoteFrees.restore(0);
  other.flushRemoteFrees();
  assertEquals(next.drainRemoteFrees(), 1);
  other.remoteFrees.retire(0);
  other.free(c);
  other.remoteFrees.retire(0); // it has died again, and nobody had heard that it was back
  other.flushRemoteFrees();
  assert(!next.hasRemoteFrees());
  assertEquals(other.statistics().remoteFreesDropped, 2);
});

Deno.test("RemoteFreeSender.retire() refuses the own slice, and one that is none", () => {
  const [owner] = make();
  for (const index of [0, 3, -1, 0.5]) {
    const text =
      `Cannot free remotely into slice ${index}: expected another than the own, 0, of 0 to 2`;
    assertThrows(() => owner.remoteFrees.retire(index), RangeError, text);
    assertThrows(() => owner.remoteFrees.restore(index), RangeError, text);
  }
});
