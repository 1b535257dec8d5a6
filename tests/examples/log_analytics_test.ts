import { assert, assertEquals, assertRejects } from "@std/assert";
import { countLog } from "../../examples/log_analytics/count_log.ts";
import { LogCounts, type PathCounts } from "../../examples/log_analytics/log_counts.ts";
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

/** A log, and what is in it. */
function makeLog(random: SeededRandom, lines: number) {
  const paths = new Map<string, PathCounts>();
  const statuses = new Map<number, number>();
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
      ][random.below(7)] +
        "\n";
      strangeLines++;
      continue;
    }
    const path = `/${["größe", "a", "b/c?d=1"][random.below(3)]}/${random.below(900)}`;
    const status = [200, 304, 404, 503][random.below(4)]!;
    const bytes = status === 304 ? 0 : random.below(100_000);
    const known = paths.get(path) ?? { requests: 0, bytes: 0 };
    paths.set(path, { requests: known.requests + 1, bytes: known.bytes + bytes });
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    const agent = random.below(2) === 0 ? ' "-" "curl/8"' : "";
    text += `::1 - me [29/Nov/2026:10:00:00 +0000] "GET ${path} HTTP/1.1" ${status} ${
      status === 304 ? "-" : bytes
    }${agent}\n`;
  }
  return { text, expected: { lines, strangeLines, statuses, paths } };
}

Deno.test("shards count a log as it was written, whatever the chunks", async () => {
  await withRandom(async (random) => {
    const { text, expected } = makeLog(random, 5000);
    for (const chunkBytes of [300, 10_000, 1_000_000]) {
      assertEquals(await countLog(new Response(text).body!, 2, chunkBytes), expected);
    }
    const alone = new LogCounts();
    assertEquals(alone.add(new TextEncoder().encode(text)), 5000);
    assertEquals(alone.summary(), expected);
  });
  await assertRejects(
    () => countLog(new Response("x".repeat(500)).body!, 1, 300),
    RangeError,
    "a record is longer",
  );
});

Deno.test("log-analytics counts a log that is made up, and a file", async () => {
  const madeUp = await logAnalytics("--shards", "2", "--top", "1");
  assertEquals(madeUp.code, 0, madeUp.stderr);
  assert(
    /status 404\n.*status 500\n.* {2}\/(orders|pages)\/.*\n[\d,]+ lines, 0 of them strange/.test(
      madeUp.stdout,
    ),
    madeUp.stdout,
  );
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, 'h - - [t] "GET /a HTTP/1.1" 200 5\nno line');
  const { stdout } = await logAnalytics(path);
  assert(
    / 1 {2}status 200\n.* 5 B {2}\/a, 1 requests\n2 lines, 1 of them strange/.test(stdout),
    stdout,
  );
  await Deno.remove(path);
  const missing = await logAnalytics("no/such/file");
  assertEquals([missing.code, missing.stdout], [1, ""]);
});
