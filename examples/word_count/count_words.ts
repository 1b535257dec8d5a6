/**
 * Counts the words of one text. Knows nothing of shards.
 *
 * @module
 */

/** How often each word occurs. */
export type WordCounts = Map<string, number>;

/** Letters and digits of any script, with apostrophes inside: "don't" is one word. */
const WORD = /[\p{L}\p{N}\p{M}]+(?:['’][\p{L}\p{N}\p{M}]+)*/gu;

/**
 * Adds the words of a file to `counts`, a piece at a time.
 *
 * @param path The file, of UTF-8.
 * @param counts What to add to. Words count the same in capitals and small letters.
 * @param onBytes Told the length of each piece.
 */
export async function countWords(
  path: string,
  counts: WordCounts,
  onBytes: (byteLength: number) => void = () => {},
): Promise<void> {
  // Whoever reads it to its end has closed it.
  const file = await Deno.open(path).catch((cause) => {
    throw cannotCount(path, cause);
  });
  const decoder = new TextDecoder();
  let rest = ""; // the end of a piece may be the first half of a word
  for await (const bytes of file.readable) {
    const text = rest + decoder.decode(bytes, { stream: true });
    const end = text.search(/\S*$/);
    addWords(text.slice(0, end), counts);
    rest = text.slice(end);
    onBytes(bytes.length);
  }
  addWords(rest + decoder.decode(), counts);
}

/** What it was that could not be done, as the system says only what it was asked for. */
export function cannotCount(path: string, cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new Error(`Cannot count the words of ${path}: ${why}`, { cause });
}

function addWords(text: string, counts: WordCounts): void {
  for (const [word] of text.toLowerCase().matchAll(WORD)) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
}

/** Adds `more` to `counts`, and returns `counts`. */
export function addCounts(counts: WordCounts, more: WordCounts): WordCounts {
  for (const [word, count] of more) counts.set(word, (counts.get(word) ?? 0) + count);
  return counts;
}
