import { assertEquals } from "@std/assert";
import { textLiterals } from "./text_literals.ts";

Deno.test("textLiterals() finds literals, joins what + joins, and passes over comments and patterns", () => {
  const source = [
    "// it's no literal",
    'const a = "one " +',
    "  `two ${x ? \"three\" : { y: `four` }.y} five`; /* 'six' */",
    "const b = /[\"']\\//.test('sev\\'en') ? 8 / 2 : \"nine\" / 3;",
  ].join("\n");
  assertEquals(
    textLiterals(source).map(({ text }) => text),
    ["three", "four", "one two … five", "sev'en", "nine"],
  );
});
