import { assertEquals } from "@std/assert";
import { drawHeap, mapHeap } from "../../../examples/replay/heap_map.ts";
import { LatencySamples } from "../../../examples/replay/latency.ts";
import { drawBar, ProgressBar } from "../../../examples/replay/progress_bar.ts";
import {
  formatBytes,
  formatCount,
  formatShare,
  formatShortBytes,
  formatTime,
} from "../../../examples/replay/units.ts";

Deno.test("mapHeap() gives each cell the share of its bytes that is in use", () => {
  const blocks = [
    { address: 1000, byteLength: 100, free: false },
    { address: 1100, byteLength: 50, free: true },
    { address: 1150, byteLength: 25, free: false },
    { address: 1175, byteLength: 225, free: true },
  ];
  const map = mapHeap(blocks, 4);
  assertEquals(map.cellBytes, 100);
  assertEquals([...map.cells], [1, 0.25, 0, 0]);
  assertEquals(drawHeap(map, 4), ["█░··"]);
  assertEquals(drawHeap(map, 2), ["█░", "··"]);
});

Deno.test("mapHeap() spreads a block over all the cells it touches", () => {
  const map = mapHeap([
    { address: 0, byteLength: 50, free: true },
    { address: 50, byteLength: 275, free: false },
    { address: 325, byteLength: 75, free: true },
  ], 4);
  assertEquals([...map.cells], [0.5, 1, 1, 0.25]);
  assertEquals(drawHeap(map, 8), ["▒██░"]);
});

Deno.test("mapHeap() shows many small blocks in one cell, and no block at all", () => {
  const small = Array.from(
    { length: 16 },
    (_, index) => ({ address: index * 16, byteLength: 16, free: index % 4 === 3 }),
  );
  assertEquals(drawHeap(mapHeap(small, 2), 2), ["▓▓"]);
  assertEquals(drawHeap(mapHeap([], 3), 3), ["···"]);
});

Deno.test("LatencySamples.summary() gives exact percentiles by nearest rank", () => {
  const samples = new LatencySamples();
  assertEquals(samples.summary(), { count: 0 });
  samples.add(5);
  assertEquals(samples.summary(), { count: 1, p50: 5, p99: 5, max: 5 });
  const many = new LatencySamples();
  for (let sample = 2000; sample >= 1; sample--) many.add(sample);
  assertEquals(many.summary(), { count: 2000, p50: 1000, p99: 1980, max: 2000 });
});

Deno.test("drawBar() fills in steps of an eighth", () => {
  assertEquals(drawBar(0, 4), "    ");
  assertEquals(drawBar(0.5, 4), "██  ");
  assertEquals(drawBar(1, 4), "████");
  assertEquals(drawBar(9 / 32, 4), "█▏  ");
});

Deno.test("ProgressBar writes one line, over and over, no wider than the terminal", () => {
  const written: string[] = [];
  let now = 5000;
  {
    using bar = new ProgressBar((text) => written.push(text), 60, false, () => now);
    bar.say("Reading a very long path that goes on and on and on and on and on");
    bar.update(0, 1000);
    now += 49;
    bar.update(1, 1000);
    now += 1;
    bar.update(250, 1000);
    bar.update(1000, 1000);
  }
  assertEquals(written.map((text) => text.split("\r\x1b[2K")), [
    ["", "Reading a very long path that goes on and on and on and on "],
    ["", `${" ".repeat(30)}   0%      0 of 1,000  0.0 s`],
    ["", `${"█".repeat(7)}▌${" ".repeat(22)}  25%    250 of 1,000  0.1 s`],
    ["", `${"█".repeat(30)} 100%  1,000 of 1,000  0.1 s`],
    ["", ""],
  ]);
});

Deno.test("Figures are written in the unit that a reader wants", () => {
  assertEquals([0, 1000, 1024, 1536, 3670016, 2 ** 30].map(formatBytes), [
    "0 B",
    "1000 B",
    "1.0 KiB",
    "1.5 KiB",
    "3.5 MiB",
    "1.0 GiB",
  ]);
  assertEquals([0, 1023, 1024, 45033104, 1023.6 * 2 ** 20].map(formatShortBytes), [
    "0",
    "1023",
    "1.0K",
    "42.9M",
    "1.0G",
  ]);
  assertEquals(
    [undefined, 0.0005, 0.0341, 0.9996, 1.26, 12.5, 999.4, 999.5, 2500].map(formatTime),
    [
      "–",
      "500ns",
      "34µs",
      "1.0ms",
      "1.3ms",
      "13ms",
      "999ms",
      "1.0s",
      "2.5s",
    ],
  );
  assertEquals(formatCount(240292), "240,292");
  assertEquals(formatShare(0.1234), "12.3%");
});
