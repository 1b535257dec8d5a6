/**
 * Operations of the allocator, one by one. A group is an operation and its size; the baseline is what
 * a program does without an allocator: a new typed array, left to the garbage collector.
 *
 * Run it with `deno task bench`. For whole programs rather than operations: `deno task compare allocator`.
 */
import { Allocator } from "../allocator/mod.ts";
import { SeededRandom } from "../tests/harness/seeded_random.ts";

const SLICE_BYTES = 32 << 20;
const SLICES = [
  { byteOffset: 0, byteLength: SLICE_BYTES },
  { byteOffset: SLICE_BYTES, byteLength: SLICE_BYTES },
];
const segment = new SharedArrayBuffer(2 * SLICE_BYTES);
const owner = Allocator.create(segment, SLICES, 0);
const other = Allocator.create(segment, SLICES, 1);

/** Keeps the arrays of the baseline alive for a while, as a program would. */
const kept: Uint8Array[] = new Array(64);

for (const byteLength of [16, 100, 4000]) {
  const group = `malloc and free, ${byteLength} bytes`;
  Deno.bench("new Uint8Array", { group, baseline: true }, () => {
    for (let i = 0; i < 1000; i++) kept[i & 63] = new Uint8Array(byteLength);
  });
  Deno.bench("Allocator", { group }, () => {
    for (let i = 0; i < 1000; i++) owner.free(owner.malloc(byteLength));
  });
}

/** Live blocks of the churn, and the order in which they are replaced. */
const LIVE = 10_000;
const random = new SeededRandom(20040630);
const churnSizes = Int32Array.from(
  { length: 4096 },
  () => random.between(1, 1 << random.between(4, 11)),
);
const churnSlots = Int32Array.from({ length: 4096 }, () => random.below(LIVE));
const addresses = new Float64Array(LIVE);
const arrays: (Uint8Array | undefined)[] = new Array(LIVE);

const churn = `replace 1,000 of ${LIVE} live blocks, 1 to 2,048 bytes`;
let place = 0;
Deno.bench("new Uint8Array", { group: churn, baseline: true }, () => {
  for (let i = 0; i < 1000; i++) {
    place = (place + 1) & 4095;
    arrays[churnSlots[place]!] = new Uint8Array(churnSizes[place]!);
  }
});
Deno.bench("Allocator", { group: churn }, () => {
  for (let i = 0; i < 1000; i++) {
    place = (place + 1) & 4095;
    const slot = churnSlots[place]!;
    owner.free(addresses[slot]!);
    addresses[slot] = owner.malloc(churnSizes[place]!);
  }
});

const batch = "malloc and free 1,024 blocks of 40 bytes";
const blocks = new Float64Array(1024);
Deno.bench("freed by the owner", { group: batch, baseline: true }, () => {
  for (let i = 0; i < 1024; i++) blocks[i] = owner.malloc(40);
  for (let i = 0; i < 1024; i++) owner.free(blocks[i]!);
});
Deno.bench("freed by another, flushed and drained", { group: batch }, () => {
  for (let i = 0; i < 1024; i++) blocks[i] = owner.malloc(40);
  for (let i = 0; i < 1024; i++) other.free(blocks[i]!);
  other.flushRemoteFrees();
  owner.drainRemoteFrees();
});

for (const count of [20, 1000]) {
  const group = `${count} blocks of 40 bytes that end together`;
  Deno.bench("malloc and free of each", { group, baseline: true }, () => {
    for (let i = 0; i < count; i++) blocks[i] = owner.malloc(40);
    for (let i = 0; i < count; i++) owner.free(blocks[i]!);
  });
  Deno.bench("an arena, disposed of", { group }, () => {
    using arena = owner.arena();
    for (let i = 0; i < count; i++) blocks[i] = arena.malloc(40);
  });
  const kept = owner.arena();
  Deno.bench("an arena, reset", { group }, () => {
    for (let i = 0; i < count; i++) blocks[i] = kept.malloc(40);
    kept.reset();
  });
  const single = owner.arena();
  Deno.bench("an arena, each freed", { group }, () => {
    for (let i = 0; i < count; i++) blocks[i] = single.malloc(40);
    for (let i = 0; i < count; i++) single.free(blocks[i]!);
  });
}

Deno.bench("drain when nothing is queued, 1,024 times", () => {
  for (let i = 0; i < 1024; i++) owner.drainRemoteFrees();
});
