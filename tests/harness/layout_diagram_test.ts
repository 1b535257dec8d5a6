import { assertEquals, assertThrows } from "@std/assert";
import { assertLayout, diagramIn } from "./layout_diagram.ts";

const SOURCE = `/**
 * A descriptor.
 *
 * \`\`\`
 * not a diagram: 12 apples
 * \`\`\`
 *
 * \`\`\`text
 *  word     content    writer
 *  -------  ---------  ------
 *  word  0  KIND       host      which it is
 *                                of three
 *     2..3  COUNT      any
 *     8..   LISTS      owner
 *       …   the rest   nobody
 * \`\`\`
 */
`;

Deno.test("diagramIn() reads offsets, lengths, names, and text that goes on below", () => {
  assertEquals(diagramIn(SOURCE), [
    { name: "KIND", offset: 0, length: 1, text: "host which it is of three" },
    { name: "COUNT", offset: 2, length: 2, text: "any" },
    { name: "LISTS", offset: 8, length: undefined, text: "owner" },
    { name: "the rest", offset: undefined, length: undefined, text: "nobody" },
  ]);
  assertThrows(() => diagramIn(SOURCE, 1), Error, "the text has 1 diagrams");
});

Deno.test("assertLayout() refuses a name, an offset, a length, an overlap, an end that is wrong", () => {
  const rows = diagramIn(SOURCE).slice(0, 2);
  const kind = { name: "KIND", offset: 0, length: 1 };
  const count = { name: "COUNT", offset: 2, length: 2, alignment: 2 };
  assertLayout(rows, [kind, count], 4);
  assertThrows(() => assertLayout(rows, [kind, { ...count, name: "SUM" }], 4));
  assertThrows(() => assertLayout(rows, [kind, { ...count, offset: 3 }], 8));
  assertThrows(() => assertLayout(rows, [kind, { ...count, length: 1 }], 4));
  assertThrows(() => assertLayout(rows, [kind], 4));
  assertThrows(() => assertLayout(rows, [kind, count], 3), Error, "behind the end at 3");
  assertThrows(
    () => assertLayout(rows, [kind, { ...count, alignment: 4 }], 4),
    Error,
    "COUNT begins at 2, no multiple of 4",
  );
  const [first, second] = rows;
  assertThrows(
    () => assertLayout([{ ...first!, length: 3 }, second!], [{ ...kind, length: 3 }, count], 4),
    Error,
    "COUNT begins at 2, before 3",
  );
});
