import { assert, assertEquals, assertThrows } from "@std/assert";
import { readMachineMemory } from "../../../shard/host/machine_memory.ts";
import { divideMemory, divisibleMemory } from "../../../shard/host/memory_division.ts";
import { automaticMemory, parseMemorySize } from "../../../shard/host/memory_size.ts";

const MIB = 2 ** 20;
const GIB = 2 ** 30;

Deno.test("parseMemorySize() reads numbers and text", () => {
  const sizes: [number | string, number][] = [
    [0, 0],
    [65536, 65536],
    [6 * GIB, 6 * GIB],
    ["65536", 65536],
    ["512MiB", 512 * MIB],
    ["512mb", 512 * MIB],
    ["512M", 512 * MIB],
    ["4G", 4 * GIB],
    [" 1.5 GiB ", 1.5 * GIB],
    ["2 TiB", 2 * 2 ** 40],
    ["8k", 8192],
    ["8B", 8],
  ];
  for (const [size, bytes] of sizes) assertEquals(parseMemorySize(size), bytes, String(size));
});

Deno.test("parseMemorySize() refuses what is not a size", () => {
  const texts = ["", "lots", "-1", "1.5", "4 GGB", "0x10", "1e3", "99999999T", "auto", "MiB"];
  for (const size of [...texts, -1, 0.5, NaN, Infinity, 2 ** 53]) {
    const shown = typeof size === "string" ? `"${size}"` : String(size);
    assertThrows(() => parseMemorySize(size), RangeError, `Cannot read memory size ${shown}`);
  }
  for (const size of [undefined, null, {}, 1n]) {
    // @ts-expect-error: no number and no string.
    assertThrows(() => parseMemorySize(size), TypeError, `received ${typeof size}`);
  }
});

Deno.test("automaticMemory() leaves a reserve after Seastar's rule, half at most", () => {
  const machines: [available: number, limit: number, most: number, expected: number][] = [
    // The reserve is 1536 MiB up to 21.4 GiB, from there on 7 %.
    [8 * GIB, Infinity, Infinity, 6.5 * GIB],
    [16 * GIB, Infinity, Infinity, 14.5 * GIB],
    [100 * GIB, Infinity, Infinity, Math.floor(93 * GIB)],
    [3 * GIB, Infinity, Infinity, 1.5 * GIB],
    // Small machines.
    [2 * GIB, Infinity, Infinity, GIB],
    [512 * MIB, Infinity, Infinity, 256 * MIB],
    [1, Infinity, Infinity, 0],
    [0, Infinity, Infinity, 0],
    // A cgroup's limit counts where it is lower.
    [64 * GIB, 4 * GIB, Infinity, 2.5 * GIB],
    [64 * GIB, 512 * MIB, Infinity, 256 * MIB],
    [4 * GIB, 2 ** 63, Infinity, 2.5 * GIB],
    // Slices hold no more.
    [64 * GIB, Infinity, 8 * GIB, 8 * GIB],
    [8 * GIB, Infinity, 64 * GIB, 6.5 * GIB],
  ];
  for (const [availableBytes, limitBytes, mostBytes, expected] of machines) {
    assertEquals(
      automaticMemory({ availableBytes, limitBytes }, mostBytes),
      expected,
      `${availableBytes} available, limit ${limitBytes}, at most ${mostBytes}`,
    );
  }
});

Deno.test("automaticMemory() never falls when the machine has more", () => {
  let before = 0;
  for (let available = 0; available < 64 * GIB; available += 61 * MIB) {
    const bytes = automaticMemory({ availableBytes: available, limitBytes: Infinity }, Infinity);
    assert(bytes >= before && bytes <= available, `${available} bytes`);
    before = bytes;
  }
});

Deno.test("divideMemory() gives equal slices, or slices by weight, in whole pages", () => {
  const divisions: [number, number, number[] | undefined, number[]][] = [
    [16 * MIB, 2, undefined, [8 * MIB, 8 * MIB]],
    [10 * MIB + 4095, 1, undefined, [10 * MIB]],
    [MIB, 3, undefined, [348160, 348160, 348160]], // 85 pages each, of 256
    [3 * 65536, 3, undefined, [65536, 65536, 65536]],
    [49 * 65536, 49, undefined, new Array(49).fill(65536)],
    [16 * MIB, 2, [1, 1], [8 * MIB, 8 * MIB]],
    [16 * MIB, 2, [3, 1], [12 * MIB, 4 * MIB]],
    [16 * MIB, 3, [0.5, 0.25, 0.25], [8 * MIB, 4 * MIB, 4 * MIB]],
    [6 * GIB, 2, [2, 1], [4 * GIB, 2 * GIB]],
    [256 * GIB, 64, undefined, new Array(64).fill(4 * GIB)],
  ];
  for (const [total, shards, weights, expected] of divisions) {
    assertEquals(divideMemory(total, shards, weights), expected);
  }
});

Deno.test("divideMemory() uses all but a page a shard, whatever the weights", () => {
  for (let shards = 1; shards <= 40; shards++) {
    const weights = Array.from({ length: shards }, (_, shard) => 1 + (shard * 7919) % 13 / 3);
    const total = shards * 3 * MIB + shards * 4321;
    const slices = divideMemory(total, shards, weights);
    const sum = slices.reduce((bytes, slice) => bytes + slice, 0);
    assert(sum <= total && sum > total - shards * 4097, `${shards} shards`);
    assert(slices.every((slice) => slice % 4096 === 0), `${shards} shards`);
  }
});

Deno.test("divideMemory() refuses slices that are too small or too large, and names the shard", () => {
  assertThrows(
    () => divideMemory(65536, 2),
    RangeError,
    "Cannot divide 65536 bytes of memory between 2 shards: shard 0 would have 32768 bytes, expected 65536 to 4294967296",
  );
  assertThrows(
    () => divideMemory(6 * GIB, 2, [1, 3]),
    RangeError,
    "Cannot divide 6442450944 bytes of memory between 2 shards weighted 1, 3: shard 1 would have 4831838208 bytes",
  );
});

Deno.test("divideMemory() refuses weights that are none", () => {
  const cases: [number[], string][] = [
    [[1], "Cannot weight 2 shards by 1 weights: expected one each"],
    [[1, 2, 3], "Cannot weight 2 shards by 3 weights: expected one each"],
    [[1, 0], "Cannot weight shards by 1, 0: expected numbers above 0, and finite"],
    [[1, -1], "Cannot weight shards by 1, -1"],
    [[1, NaN], "Cannot weight shards by 1, NaN"],
    [[1, Infinity], "Cannot weight shards by 1, Infinity"],
    [[Number.MAX_VALUE, Number.MAX_VALUE], "expected numbers above 0, and finite"],
  ];
  for (const [weights, message] of cases) {
    assertThrows(() => divideMemory(16 * MIB, 2, weights), RangeError, message);
  }
  assertThrows(
    // @ts-expect-error: a weight that is not a number.
    () => divideMemory(16 * MIB, 2, [1, "2"]),
    TypeError,
    "Cannot weight shards by [1, 2]: expected an array of numbers",
  );
  assertThrows(
    // @ts-expect-error: no array.
    () => divideMemory(16 * MIB, 2, 3),
    TypeError,
    "Cannot weight shards by number: expected an array of numbers",
  );
});

Deno.test("divisibleMemory() is what divideMemory() can still divide", () => {
  const cases: [number, number[] | undefined, number][] = [
    [1, undefined, 4 * GIB],
    [2, undefined, 8 * GIB],
    [3, undefined, 12 * GIB],
    [2, [1, 3], 16 * GIB / 3],
  ];
  for (const [shards, weights, expected] of cases) {
    const most = divisibleMemory(shards, weights);
    assertEquals(most, Math.floor(expected));
    divideMemory(most, shards, weights);
    assertThrows(() => divideMemory(most + shards * 3 * 4096, shards, weights), RangeError);
  }
});

Deno.test(
  "readMachineMemory() needs one permission, and sees this machine",
  { permissions: { sys: ["systemMemoryInfo"] } },
  () => {
    const { availableBytes, limitBytes } = readMachineMemory();
    const { total } = Deno.systemMemoryInfo();
    assert(availableBytes > 0 && availableBytes <= total, `${availableBytes} of ${total} bytes`);
    assert(limitBytes > 0);
  },
);

Deno.test(
  "readMachineMemory() says what to do without the permission",
  { permissions: { sys: false } },
  () => {
    const error = assertThrows(
      readMachineMemory,
      Deno.errors.NotCapable,
      'pass `memory` as bytes or text like "512MiB", or grant --allow-sys=systemMemoryInfo',
    );
    assert(error.cause instanceof Deno.errors.NotCapable);
  },
);
