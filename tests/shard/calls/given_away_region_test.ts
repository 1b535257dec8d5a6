/** Where the words about pointers given away lie: see shard/calls/given_away_region.ts. */
import { assertEquals } from "@std/assert";
import {
  FAILED_BYTES,
  GivenAwayRegion,
  HOLDERS_BYTES,
  LOST_BYTES,
  OPENED_BYTES,
  REGION_BYTES,
  USED_BYTES,
} from "../../../shard/calls/given_away_region.ts";
import { assertLayout, readDiagram } from "../../harness/layout_diagram.ts";

Deno.test("the diagram of a region of pointers given away says what the constants say, without overlap", async () => {
  const rows = await readDiagram("shard/calls/given_away_region.ts");
  const holders = rows.pop();
  assertLayout(rows, [
    { name: "USED", offset: USED_BYTES, length: 4, alignment: 4 },
    { name: "OPENED", offset: OPENED_BYTES, length: 8, alignment: 8 },
    { name: "LOST", offset: LOST_BYTES, length: 8, alignment: 8 },
    { name: "FAILED", offset: FAILED_BYTES, length: 8, alignment: 8 },
  ], HOLDERS_BYTES);
  assertEquals([holders?.name, holders?.offset, holders?.length], [
    "HOLDERS",
    HOLDERS_BYTES,
    undefined,
  ]);
  assertEquals([HOLDERS_BYTES % 128, REGION_BYTES % 4096], [0, 0]);
});

Deno.test("GivenAwayRegion counts words and figures from the segment's start", () => {
  const region = new GivenAwayRegion(4096, 256);
  const { usedWord, holdersWord, openedFigure, lostFigure, failedFigure } = region;
  assertEquals([usedWord * 4, holdersWord * 4], [4096 + USED_BYTES, 4096 + HOLDERS_BYTES]);
  assertEquals([openedFigure, lostFigure, failedFigure].map((index) => index * 8 - 4096), [
    OPENED_BYTES,
    LOST_BYTES,
    FAILED_BYTES,
  ]);
  assertEquals(region.capacity, (256 - HOLDERS_BYTES) / 4);
});

Deno.test("the word of a handle keeps every endpoint and every generation, where the diagram says", async () => {
  const holders = (await readDiagram("shard/calls/given_away_region.ts")).at(-1)!;
  const [, lastHolderBit, firstGenerationBit] = /bits 0-(\d+) .* bits (\d+)-31/.exec(holders.text)!;
  const { MAX_GENERATION } = GivenAwayRegion;
  const maxEndpoint = 2 ** (Number(lastHolderBit) + 1) - 2; // one more is kept for nobody
  assertEquals(Number(firstGenerationBit), Number(lastHolderBit) + 1);
  assertEquals(MAX_GENERATION, 2 ** (32 - Number(firstGenerationBit)) - 1);
  for (const endpoint of [-1, 0, 1, 256, maxEndpoint]) {
    for (const generation of [0, 1, MAX_GENERATION - 1, MAX_GENERATION]) {
      const word = GivenAwayRegion.wordOf(generation, endpoint);
      assertEquals(GivenAwayRegion.holderIn(word), endpoint);
      assertEquals(GivenAwayRegion.generationIn(word), generation);
      assertEquals(word >>> Number(firstGenerationBit), generation);
    }
  }
});
