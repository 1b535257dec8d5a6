/**
 * `stats` and the words behind it, in the text protocol.
 *
 * @module
 */

import type { Connection } from "./connection.ts";
import { CLASS_COUNT, classNumberOf } from "./lru.ts";
import { readUnsigned32 } from "./number_text.ts";
import { ascii } from "./output.ts";
import { classDump, detailText, readFigures } from "./stats.ts";

const BAD_LINE = "CLIENT_ERROR bad command line\r\n";
const BAD_FORMAT = "CLIENT_ERROR bad command line format\r\n";
const BAD_CLASS = "CLIENT_ERROR Illegal slab id\r\n";
const DETAIL_USAGE = "CLIENT_ERROR usage: stats detail on|off|dump\r\n";
/** The first number that is not a class. */
const NO_CLASS = classNumberOf(CLASS_COUNT);

/** Writes the answer to `stats` and those words. */
export async function writeTextStats(
  { server, output }: Connection,
  words: readonly string[],
): Promise<void> {
  const [name = ""] = words;
  if (name === "detail") return output.text(await detail(server, words[1]));
  if (name === "cachedump") return output.text(await cachedump(words));
  const figures = await readFigures(server, name);
  if (figures === undefined) return output.text("ERROR\r\n");
  if (name === "reset") return output.text("RESET\r\n");
  output.text(figures.map(([figure, value]) => `STAT ${figure} ${value}\r\n`).join("") + "END\r\n");
}

async function detail(server: Connection["server"], word: string | undefined): Promise<string> {
  if (word === "dump") return await detailText();
  if (word !== "on" && word !== "off") return DETAIL_USAGE;
  await readFigures(server, `detail ${word}`);
  return "OK\r\n";
}

async function cachedump(words: readonly string[]): Promise<string> {
  if (words.length < 3) return BAD_LINE;
  const [classNumber, limit] = words.slice(1, 3).map(numberOf) as [number, number];
  if (Number.isNaN(classNumber + limit)) return BAD_FORMAT;
  if (classNumber >= NO_CLASS) return BAD_CLASS;
  const lines = classNumber === 0 ? "" : await classDump(classNumber - classNumberOf(0), limit);
  return `${lines}END\r\n`;
}

function numberOf(word: string): number {
  const bytes = ascii(word);
  return readUnsigned32(bytes, 0, bytes.length);
}
