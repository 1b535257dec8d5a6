import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { countFiles } from "../../examples/word_count/count_files.ts";
import { countWords, type WordCounts } from "../../examples/word_count/count_words.ts";
import { type SeededRandom, withRandom } from "../harness/seeded_random.ts";

const MAIN_PATH = new URL("../../examples/word_count/main.ts", import.meta.url).pathname;
const MAIN = `file://${MAIN_PATH}`;
const VOCABULARY = ["shard", "don't", "Größe", "ÉTÉ", "память", "42", "naïve", "x"];

/** What `deno task word-count` runs, with its permissions. */
async function wordCount(...words: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", "--allow-read", MAIN, ...words],
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** Files of random words, some longer than any piece that is read at once; and their counts. */
async function writeFiles(folder: string, random: SeededRandom) {
  const counts: WordCounts = new Map();
  const files: { path: string; byteLength: number }[] = [];
  for (const words of [0, 1, 500, 40_000, 90_000]) {
    let text = "";
    for (let i = 0; i < words; i++) {
      const word = VOCABULARY[random.below(VOCABULARY.length)]!;
      const key = word.toLowerCase();
      counts.set(key, (counts.get(key) ?? 0) + 1);
      text += word + (random.below(9) === 0 ? ",\n" : " ");
    }
    const path = `${folder}/${words}.txt`;
    await Deno.writeTextFile(path, text);
    files.push({ path, byteLength: new TextEncoder().encode(text).length });
  }
  return { files, counts };
}

const sorted = (counts: WordCounts) => [...counts].sort();

Deno.test("shards count what one thread counts, and say how far they are", async () => {
  const folder = await Deno.makeTempDir();
  await withRandom(async (random) => {
    const { files, counts } = await writeFiles(folder, random);
    const progress: number[] = [];
    const found = await countFiles(files, 3, (bytes) => progress.push(bytes));
    assertEquals(sorted(found), sorted(counts));
    assertEquals(progress, progress.toSorted((a, b) => a - b));
    assertEquals(progress.at(-1), files.reduce((sum, { byteLength }) => sum + byteLength, 0));

    const alone: WordCounts = new Map();
    for (const { path } of files) await countWords(path, alone);
    assertEquals(sorted(alone), sorted(counts));
  }).finally(() => Deno.remove(folder, { recursive: true }));
});

Deno.test("word-count counts this project, and one thread comes to the same", async () => {
  const { code, stdout, stderr } = await wordCount("--check", "--top", "3");
  assertEquals(code, 0, stderr);
  const lines = stdout.trimEnd().split("\n");
  assertEquals(lines.length, 5);
  assert(
    /^[\d,]{6,} words, [\d,]+ different, in \d+ files \([\d.]+ MiB\): /.test(lines[3]!),
    stdout,
  );
  assertStringIncludes(lines[4]!, "The same on one thread: ");
});

Deno.test("word-count says what it cannot read and what it does not understand", async () => {
  const folder = await Deno.makeTempDir();
  const bad: [path: string, why: string][] = [
    ["no/such/file", "No such file or directory"],
    [folder, "it is a directory, expected a file\n"],
  ];
  for (const [path, why] of bad) {
    const { code, stdout, stderr } = await wordCount(MAIN_PATH, path);
    assertEquals([code, stdout], [1, ""]);
    assert(stderr.startsWith(`Cannot count the words of ${path}: ${why}`), stderr);
  }
  await assertRejects(
    () => countFiles([{ path: `${folder}/gone`, byteLength: 1 }], 1), // since its length was asked for
    Error,
    `Cannot count the words of ${folder}/gone: No such file or directory`,
  );
  await Deno.remove(folder);
  const shards = await wordCount("--shards", "many");
  assertEquals([shards.code, shards.stderr], [
    1,
    '--shards is "many": expected a whole number from 1 to 256\n',
  ]);
});
