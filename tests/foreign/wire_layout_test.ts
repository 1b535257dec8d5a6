/** How foreign pointers, references and granted copies lie in a message: the diagrams say what the constants say. */
import { assertEquals } from "@std/assert";
import {
  GRANTED_COUNT_WORD,
  GRANTED_FIRST_WORD,
  GRANTED_GENERATION_WORD,
  GRANTED_HANDLE_WORD,
  GRANTED_OBJECT_WORD,
  GRANTED_OWNER_WORD,
  GRANTED_WORDS,
} from "../../foreign/granted_copies.ts";
import {
  COPIES_WORD,
  FOREIGN_PTR_WORDS,
  GENERATION_WORD,
  HANDLE_WORD,
  OBJECT_WORD,
  ownerOf,
  PARTIES_WORD,
  partiesWord,
  REFERENCE_WORDS,
  senderOf,
} from "../../foreign/pointer_wire_layout.ts";
import { assertLayout, readDiagram } from "../harness/layout_diagram.ts";

/** Fields of one word each. */
function words(offsets: Record<string, number>) {
  return Object.entries(offsets).map(([name, offset]) => ({ name, offset, length: 1 }));
}

Deno.test("a foreign pointer and a reference lie as their diagram says, without a gap", async () => {
  const pointer = words({
    PARTIES: PARTIES_WORD,
    HANDLE: HANDLE_WORD,
    GENERATION: GENERATION_WORD,
    COPIES: COPIES_WORD,
    OBJECT: OBJECT_WORD,
  });
  const rows = await readDiagram("foreign/pointer_wire_layout.ts");
  assertLayout(rows, pointer, FOREIGN_PTR_WORDS);
  assertEquals(rows.length, FOREIGN_PTR_WORDS);
  assertLayout(rows.slice(0, 3), pointer.slice(0, 3), REFERENCE_WORDS);
  assertEquals(REFERENCE_WORDS, 3);
});

Deno.test("PARTIES keeps every owner and every sender, in the bits that the diagram says", async () => {
  const [parties] = await readDiagram("foreign/pointer_wire_layout.ts");
  const [, last, first] = /bits 0-(\d+) .* (\d+)-17/.exec(parties!.text)!.map(Number);
  assertEquals(first, last! + 1);
  const maxEndpoint = 2 ** first! - 1;
  for (const owner of [0, 1, 256, maxEndpoint]) {
    for (const sender of [0, 1, 256, maxEndpoint]) {
      const word = partiesWord(owner, sender);
      assertEquals([ownerOf(word), senderOf(word)], [owner, sender]);
      assertEquals(word, owner + sender * 2 ** first!);
    }
  }
});

Deno.test("granted copies lie as their diagram says, without a gap", async () => {
  const rows = await readDiagram("foreign/granted_copies.ts");
  assertLayout(
    rows,
    words({
      OWNER: GRANTED_OWNER_WORD,
      COUNT: GRANTED_COUNT_WORD,
      HANDLE: GRANTED_HANDLE_WORD,
      OBJECT: GRANTED_OBJECT_WORD,
      GENERATION: GRANTED_GENERATION_WORD,
      FIRST: GRANTED_FIRST_WORD,
    }),
    GRANTED_WORDS,
  );
  assertEquals(rows.length, GRANTED_WORDS);
});
