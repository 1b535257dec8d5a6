import { assert, assertEquals, assertRejects } from "@std/assert";
import { countLog } from "../../examples/log_analytics/count_log.ts";
import {
  LogCounts,
  type LogSummary,
  percentile,
  topGroups,
} from "../../examples/log_analytics/log_counts.ts";
import { type SeededRandom, withRandom } from "../harness/seeded_random.ts";

const MAIN = new URL("../../examples/log_analytics/main.ts", import.meta.url).pathname;

/** What `deno task log-analytics` runs, with its permissions. */
async function logAnalytics(...words: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", "--allow-read", MAIN, ...words],
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** What is known of a group of lines, in the order of its columns. */
type Group = [key: string, requests: number, bytes: number];

/** A log, and what is in it. */
function makeLog(random: SeededRandom, lines: number) {
  const groups = new Map<string, Group>();
  const times: number[] = [];
  let text = "";
  let strangeLines = 0;
  for (let i = 0; i < lines; i++) {
    if (random.below(20) === 0) {
      text += [
        "",
        "no log",
        'x "GET / HTTP/1.1" - -',
        '"GET',
        '\0 " " 20 30',
        'h "GET / H"',
        'h "GET / H" 200',
        '::1 - me [29/Nov/2026:24:00:00 +0000] "GET / H" 200 5',
        '::1 - me [29/Nov/2026:10:00:00 +0000] "GET / H" 99 5',
        '::1 - me [29/Nov/2026:10:00:00 +0000] "GET  H" 200 5',
        '::1 - me [29/Nov/2026:10:00:00 +0000] "GET / H" 200 5x',
      ][random.below(11)] +
        "\n";
      strangeLines++;
      continue;
    }
    const path = `/${["größe", "a", "b/c?d=1"][random.below(3)]}/${random.below(900)}`;
    const status = [200, 304, 404, 503][random.below(4)]!;
    const hour = random.below(24);
    const bytes = status === 304 ? 0 : random.below(100_000);
    const key = `${path} ${status} ${hour}`;
    const [, requests, bytesBefore] = groups.get(key) ?? [key, 0, 0];
    groups.set(key, [key, requests + 1, bytesBefore + bytes]);
    const agent = random.below(2) === 0 ? ' "-" "curl/8 1.5"' : "";
    const milliseconds = random.below(3) === 0 ? undefined : random.below(2 ** random.below(20));
    if (milliseconds !== undefined) times.push(milliseconds);
    const time = milliseconds === undefined ? "" : ` ${(milliseconds / 1000).toFixed(3)}`;
    text += `::1 - me [29/Nov/2026:${
      String(hour).padStart(2, "0")
    }:00:00 +0000] "GET ${path} HTTP/1.1" ${status} ${
      status === 304 ? "-" : bytes
    }${agent}${time}\n`;
  }
  times.sort((a, b) => a - b);
  return { text, lines, strangeLines, groups: [...groups.values()].sort(), times };
}

/** The same of what was counted, and how many times. */
function contentsOf(log: LogSummary) {
  const groups = topGroups(log, ["path", "status", "hour"], Infinity)
    .map(([key, { requests, bytes }]): Group => [key, requests, bytes]).sort();
  const times = log.times.reduce((sum, count) => sum + count, 0);
  return { lines: log.lines, strangeLines: log.strangeLines, groups, times };
}

Deno.test("shards count a log as it was written, whatever the chunks", async () => {
  await withRandom(async (random) => {
    const { text, times, ...expected } = makeLog(random, 5000);
    const bytes = new TextEncoder().encode(text);
    const contents = { ...expected, times: times.length };
    for (const chunkBytes of [300, 10_000, 1_000_000]) {
      let progress = 0;
      const log = await countLog(new Response(text).body!, {
        shards: 2,
        chunkBytes,
        onProgress: (bytes) => progress = bytes,
      });
      assertEquals(contentsOf(log), contents);
      assertEquals(progress, bytes.length);
    }
    const alone = new LogCounts();
    assertEquals(alone.add(bytes), bytes.length);
    const log = alone.summary();
    assertEquals(contentsOf(log), contents);
    for (const share of [0.01, 0.5, 0.9, 0.999, 1]) {
      const exact = times[Math.ceil(times.length * share) - 1]!;
      const found = percentile(log, share);
      assert(found <= exact && found * 17 / 16 >= exact - 1, `${share}: ${found} for ${exact}`);
    }
  });
  await assertRejects(
    () => countLog(new Response("x".repeat(500)).body!, { shards: 1, chunkBytes: 300 }),
    RangeError,
    "a record is longer",
  );
});

Deno.test("topGroups() adds up what is alike, and gives those with the most bytes first", () => {
  const counts = new LogCounts();
  const line = (hour: string, path: string, status: number, bytes: number) =>
    `h - - [29/Nov/2026:${hour}:00:00 +0000] "GET ${path} H" ${status} ${bytes}\n`;
  counts.add(new TextEncoder().encode(
    line("09", "/a", 200, 5) + line("10", "/a", 200, 6) + line("10", "/b", 404, 12),
  ));
  const log = counts.summary();
  assertEquals(topGroups(log, ["path"], 5), [
    ["/b", { requests: 1, bytes: 12 }],
    ["/a", { requests: 2, bytes: 11 }],
  ]);
  assertEquals(topGroups(log, ["hour", "status"], 2), [
    ["10 404", { requests: 1, bytes: 12 }],
    ["10 200", { requests: 1, bytes: 6 }],
  ]);
});

Deno.test("log-analytics counts a log that is made up, and a file", async () => {
  const madeUp = await logAnalytics("--shards", "2", "--top", "1", "--by", "status");
  assertEquals(madeUp.code, 0, madeUp.stderr);
  assert(
    /^ +[\d.]+ .iB {2}200, [\d,]+ requests\nanswered: 50 % in \d.*\n[\d,]+ lines, 0 of them strange/
      .test(
        madeUp.stdout,
      ),
    madeUp.stdout,
  );
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(
    path,
    'h - - [29/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 5\nno line',
  );
  const { stdout } = await logAnalytics(path);
  assert(/^ +5 B {2}\/a 200, 1 requests\n2 lines, 1 of them strange/.test(stdout), stdout);
  await Deno.remove(path);
  const missing = await logAnalytics("no/such/file");
  assertEquals([missing.code, missing.stdout], [1, ""]);
  const wrong = await logAnalytics("--by", "path,size");
  assertEquals([wrong.code, wrong.stderr], [
    1,
    '--by has "size": expected path, status, hour\n',
  ]);
});
