/**
 * The tables of docs/values.md, which the tests of ValueCodec hold to.
 *
 * @module
 */

/** What the first column of a section's table says, row by row. */
export async function documentedRows(section: string): Promise<string[]> {
  const text = await Deno.readTextFile(new URL("../../../docs/values.md", import.meta.url));
  const body = text.split("\n## ").find((part) => part.startsWith(section)) ?? "";
  const rows = body.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(2).map((line) => line.split("|")[1]!.trim());
}
