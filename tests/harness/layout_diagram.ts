/**
 * Reads the diagram in the comment of a layout descriptor, so that a test can hold the comment against
 * the constants below it.
 *
 * A row of a diagram is an offset, two spaces or more, and a name; what follows the name after two
 * more spaces is text, and so are the lines below that begin no row of their own:
 *
 * ```
 * byte    0..3     PARKED   one number: one unit; 0..3: from there up to and including that
 *       128..      TAILS    an open end
 *         …        RINGS    an offset that the shape decides
 * ```
 *
 * Units are the caller's: bytes or words, the same for all rows.
 */
import { assert, assertEquals } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);

/** What a diagram says of one field. */
export interface DiagramRow {
  readonly name: string;
  /** Undefined where the diagram has … in its place. */
  readonly offset: number | undefined;
  /** Undefined where the end is open. */
  readonly length: number | undefined;
  /** What the diagram says besides, in one line. */
  readonly text: string;
}

/** What the constants say of one field. */
export interface Field {
  readonly name: string;
  readonly offset: number;
  readonly length: number;
  /** What `offset` is a multiple of; 1 unless given. */
  readonly alignment?: number;
}

const ROW = /^[a-z ]*(?:(\d+)(?:(\.\.)(\d+)?)?|…) {2,}(\S.*)$/;

/** The rows of the diagram number `index` of a source text: of its fenced blocks that have rows. */
export function diagramIn(source: string, index = 0): DiagramRow[] {
  const blocks = [...source.matchAll(/^ \* ```(?:text)?\n([\s\S]*?)^ \* ```$/gm)]
    .map(([, block]) => rowsOf(block!))
    .filter((rows) => rows.length > 0);
  assert(blocks[index] !== undefined, `the text has ${blocks.length} diagrams, none is ${index}`);
  return blocks[index];
}

/** The same of a file of the library, by its path from the root. */
export async function readDiagram(path: string, index = 0): Promise<DiagramRow[]> {
  return diagramIn(await Deno.readTextFile(new URL(path, ROOT)), index);
}

function rowsOf(block: string): DiagramRow[] {
  const rows: DiagramRow[] = [];
  for (const line of block.split("\n").map((line) => line.replace(/^ \* ?/, "").trimEnd())) {
    const row = ROW.exec(line);
    if (row === null) {
      const last = rows.at(-1);
      if (last !== undefined && line.trim() !== "") {
        rows[rows.length - 1] = { ...last, text: `${last.text} ${line.trim()}`.trim() };
      }
      continue;
    }
    const [, first, range, last, rest] = row;
    const [name, ...text] = rest!.split(/ {2,}/);
    const offset = first === undefined ? undefined : Number(first);
    const length = offset === undefined || range !== undefined && last === undefined
      ? undefined
      : Number(last ?? first) - offset + 1;
    rows.push({ name: name!, offset, length, text: text.join(" ") });
  }
  return rows;
}

/**
 * Fails unless `rows` show these fields, no other, and where they are; and unless each is aligned and
 * ends before the next begins, the last at `end` or before.
 */
export function assertLayout(
  rows: readonly DiagramRow[],
  fields: readonly Field[],
  end: number,
): void {
  assertEquals(
    rows.map(({ name, offset, length }) => ({ name, offset, length })),
    fields.map(({ name, offset, length }) => ({ name, offset, length })),
  );
  let free = 0;
  for (const { name, offset, length, alignment = 1 } of fields) {
    assert(
      offset >= free,
      `${name} begins at ${offset}, before ${free}, the end of the one before`,
    );
    assert(offset % alignment === 0, `${name} begins at ${offset}, no multiple of ${alignment}`);
    free = offset + length;
  }
  assert(free <= end, `the last field ends at ${free}, behind the end at ${end}`);
}
