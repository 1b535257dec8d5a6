/** What is reported of foreign pointers, word for word: see foreign/reports.ts. */
import { assertEquals } from "@std/assert";
import { type Leak, lostToCollector, stillHeld } from "../../foreign/reports.ts";

const HOST = 3;
const LOST = { className: "Piece", owner: 0, holder: 1, madeAt: undefined, debug: false };
const LEAK: Leak = { owner: 0, holder: 1, className: "Piece", count: 2, madeAt: undefined };

Deno.test("the report of a lost pointer says where it was made, or how to learn that", () => {
  const text = "A foreign pointer to Piece of shard 0 was lost to the garbage collector on " +
    "endpoint 1: dispose of it, or send it on";
  assertEquals(
    lostToCollector(LOST).message,
    `${text}; start the runtime with \`debug: true\` to see where it was made`,
  );
  assertEquals(
    lostToCollector({ ...LOST, debug: true, madeAt: "    at open (pieces.ts:1:1)" }).message,
    `${text}; it was made\n    at open (pieces.ts:1:1)`,
  );
  // Emptied at home: what is not there was not made anywhere.
  assertEquals(lostToCollector({ ...LOST, debug: true }).message, text);
  assertEquals(
    lostToCollector({ ...LOST, className: undefined, debug: true }).message,
    text.replace("Piece", "a shared object"),
  );
});

Deno.test("the report of pointers still held says who holds them, and where they were made or how to learn that", () => {
  const leaks = [LEAK, { ...LEAK, owner: 2, holder: HOST, count: 1 }];
  const text = `Foreign pointers were still held when the runtime stopped:
- 2 to Piece of shard 0, by shard 1
- 1 to Piece of shard 2, by the host`;
  assertEquals(
    stillHeld(leaks, HOST, false).message,
    `${text}\nStart the runtime with \`debug: true\` to see where they were made`,
  );
  assertEquals(stillHeld(leaks, HOST, true).message, text);
  assertEquals(
    stillHeld([{ ...LEAK, madeAt: "    at open (pieces.ts:1:1)" }], HOST, true).message,
    `Foreign pointers were still held when the runtime stopped:
- 2 to Piece of shard 0, by shard 1; it was made
    at open (pieces.ts:1:1)`,
  );
});
