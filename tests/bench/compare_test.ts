/** The program `compare`, run as a user runs it. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import { testWith } from "../examples/memcached/real_memcached.ts";

/** The peers are in a lock file of their own, so that only who compares downloads them. */
const LOCK = new URL("../../bench/deno.lock", import.meta.url).pathname;
const COMPARE = fileURLToPath(new URL("../../bench/compare.ts", import.meta.url));

/** Enough operations of each kind to replay, few enough to be quick. */
function smallTrace(): string {
  const lines = ["# malloc-trace 1", "# program: small"];
  for (let block = 0; block < 3_000; block++) {
    lines.push(`a ${block % 3} ${block} ${16 + block % 500}`);
    if (block % 5 === 0) lines.push(`r ${block % 2} ${block} ${900 + block % 70}`);
    if (block >= 100) lines.push(`f 0 ${block - 100}`);
  }
  return [...lines, "c 0 3000 5000", "m 1 3001 256 64"].join("\n") + "\n";
}

async function makeTraceFolder(): Promise<string> {
  const folder = await Deno.makeTempDir();
  const gzip = new Blob([smallTrace()]).stream().pipeThrough(new CompressionStream("gzip"));
  await Deno.writeFile(`${folder}/small.trace.gz`, gzip);
  return folder;
}

function compare(...parameters: string[]) {
  return compareWith(["--allow-all"], ...parameters);
}

async function compareWith(permissions: readonly string[], ...parameters: string[]) {
  const command = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      `--lock=${LOCK}`,
      "--no-check",
      "--quiet",
      ...permissions,
      COMPARE,
      ...parameters,
    ],
  });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("compare allocator --json prints one object with every key, and exits by itself", async () => {
  const folder = await makeTraceFolder();
  try {
    const { code, stdout, stderr } = await compare(
      ...["allocator", "--quick", "--json", "--traces", folder],
    );
    assertEquals(code, 0, stderr);
    assertEquals(stdout.trimEnd().split("\n").length, 1);
    const report = JSON.parse(stdout);
    assertEquals(report.subject, "allocator");
    assertEquals(report.deno, Deno.version.deno);
    assertMatch(report.machine, /, \d+ cores, \d+ GiB, /);
    assert(!Number.isNaN(Date.parse(report.date)));
    assertEquals(Object.keys(report.ratios), [
      "time_vs_assemblyscript",
      "time_vs_glibc",
      "time_vs_native_tlsf",
      "time_vs_wasm_tlsf",
      "patterns_vs_wasm_tlsf",
      "rate_vs_thing_10k_live",
      "rate_vs_gc_arrays",
      "space_mean",
      "space_min",
      "remote_free_vs_local",
      "max_op_us",
    ]);
    for (const [key, value] of Object.entries(report.ratios)) {
      if (value === null) assert(report.reasons[key].length > 0, key);
      else assert(typeof value === "number" && value > 0, key);
    }
    const own = ["space_mean", "remote_free_vs_local", "max_op_us", "rate_vs_thing_10k_live"];
    for (const key of own) {
      assert(report.ratios[key] !== null, `${key}: ${report.reasons[key]}`);
    }
    for (const row of report.rows) {
      const { name, measure, unit, value, reason } = row;
      assert([name, measure, unit].every((text) => typeof text === "string" && text !== ""));
      assert(value === null ? reason.length > 0 : value > 0, JSON.stringify(row));
    }
    const contestants = new Set(report.rows.map((row: { name: string }) => row.name));
    assertEquals([...contestants].sort(), [
      "@thi.ng/malloc",
      "AssemblyScript TLSF",
      "TLSF in C",
      "TLSF in C, as WebAssembly",
      "Tidepool",
      "glibc malloc",
      "new Uint8Array(n)",
    ]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("compare messages --json prints one object with every key, and exits by itself", async () => {
  const { code, stdout, stderr } = await compare("messages", "--quick", "--json");
  assertEquals(code, 0, stderr);
  assertEquals(stdout.trimEnd().split("\n").length, 1);
  const report = JSON.parse(stdout);
  assertEquals(report.subject, "messages");
  assertEquals(Object.keys(report.ratios), [
    "seq_time_vs_postmessage",
    "seq_time_vs_postmessage_spinning_off",
    "seq_time_with_options_vs_plain",
    "rate64_vs_postmessage",
    "rate1024_vs_postmessage",
    "echo1k_time_vs_postmessage",
    "echo64k_time_vs_postmessage",
    "seq_time_vs_best_peer",
    "rate64_vs_best_peer",
    "rate_of_8_shards_vs_2",
    "rate_of_8_shards_vs_2_at_128",
    "idle_cpu_percent",
  ]);
  for (const [key, value] of Object.entries(report.ratios)) {
    if (value === null) assert(report.reasons[key].length > 0, key);
    else assert(typeof value === "number" && value >= 0, key);
  }
  const rows: { name: string; value: number | null; reason?: string }[] = report.rows;
  for (const row of rows) assert(row.value !== null || row.reason !== "", JSON.stringify(row));
  assertEquals([...new Set(rows.map((row) => row.name))], [
    "Tidepool",
    "postMessage",
    "comlink",
    "piscina",
    "workerpool",
    "poolifier",
    "Tidepool, spinning off",
    "Tidepool, with timeoutMs and signal",
  ]);
});

Deno.test("compare messages --busy --json prints one object with every key, and exits by itself", async () => {
  const { code, stdout, stderr } = await compare("messages", "--busy", "--quick", "--json");
  assertEquals(code, 0, stderr);
  assertEquals(stdout.trimEnd().split("\n").length, 1);
  const report = JSON.parse(stdout);
  assertEquals(report.subject, "messages --busy");
  assertStringIncludes(report.notes[0], `${navigator.hardwareConcurrency} processes`);
  assertEquals(Object.keys(report.ratios), [
    "busy_seq_vs_postmessage",
    "busy_p99_vs_postmessage",
    "busy_seq_vs_best_peer",
    "busy_rate64_vs_postmessage",
  ]);
  for (const [key, value] of Object.entries(report.ratios)) {
    assert(typeof value === "number" && value > 0, `${key}: ${report.reasons[key]}`);
  }
  const rows: { name: string; measure: string; value: number; note?: string }[] = report.rows;
  assertEquals([...new Set(rows.map((row) => row.name))], [
    "Tidepool",
    "postMessage",
    "comlink",
    "piscina",
    "workerpool",
    "poolifier",
    "Tidepool, spinning off",
  ]);
  const rowsOf = (measure: string) => rows.filter((row) => row.measure.endsWith(measure));
  for (const [index, { name, value, note }] of rowsOf("p99").entries()) {
    const median = rowsOf("median")[index]!;
    assertEquals(median.name, name);
    assert(value >= median.value, `${name}: the p99 is ${value}, the median ${median.value}`);
    assertMatch(note!, /^of at least [1-9]\d* calls a sample$/);
  }
});

Deno.test("compare payloads --json prints one object with every key, and exits by itself", async () => {
  const { code, stdout, stderr } = await compare("payloads", "--quick", "--json");
  assertEquals(code, 0, stderr);
  assertEquals(stdout.trimEnd().split("\n").length, 1);
  const report = JSON.parse(stdout);
  assertEquals(report.subject, "payloads");
  assertEquals(Object.keys(report.ratios), [
    "list100_rate_vs_postmessage",
    "list100_rate_vs_single_calls",
    "record40_time_vs_msgpackr",
    "text240_read_vs_own_bytes",
    "text240_write_vs_encodeInto",
    "echo1k_bytes_time_vs_call",
    "echo1k_text_time_vs_call",
    "default_seq_vs_postmessage",
    "log200_time_vs_transfer",
  ]);
  for (const [key, value] of Object.entries(report.ratios)) {
    assert(typeof value === "number" && value > 0, `${key}: ${report.reasons[key]}`);
  }
  // JSON alone changes values, and says so.
  const rows: { name: string; measure: string; value: number | null; reason?: string }[] =
    report.rows;
  const without = rows.filter(({ value }) => value === null);
  assertEquals([...new Set(without.map(({ name }) => name))], ["JSON over the bus", "JSON"]);
  assertEquals(
    [...new Set(without.map(({ reason }) => reason))],
    ["It does not arrive as it was"],
  );
});

Deno.test("compare refuses --busy for a subject that has no such figures", async () => {
  const { code, stdout, stderr } = await compare("flow", "--busy");
  assertEquals(code, 1);
  assertEquals(stdout, "");
  assertEquals(stderr, "Cannot compare flow with --busy: expected one of: messages\n");
});

Deno.test("compare lists its subjects when it does not know the one it is given", async () => {
  const { code, stdout, stderr } = await compare("weather", "--json");
  assertEquals(code, 1);
  assertEquals(stdout, "");
  assertStringIncludes(
    stderr,
    'Cannot compare "weather": expected one subject, of: allocator, messages, payloads, flow, services, partitioned, cells, foreign, cache, structures, memcached, programs, placement, startup',
  );
});

Deno.test("compare refuses a folder without traces, and what its options cannot be", async () => {
  const missing = await compare("allocator", "--traces", "no/such/folder");
  assertEquals(missing.code, 1);
  assertEquals(
    missing.stderr,
    "Cannot read traces from no/such/folder: there is no such folder\n",
  );
  const repetitions = await compare("allocator", "--repetitions", "some");
  assertEquals(repetitions.code, 1);
  assertEquals(repetitions.stderr, '--repetitions is "some": expected a whole number from 1\n');
});

Deno.test("compare foreign --json prints one object with every key, and exits by itself", async () => {
  const { code, stdout, stderr } = await compare("foreign", "--quick", "--json");
  assertEquals(code, 0, stderr);
  assertEquals(stdout.trimEnd().split("\n").length, 1);
  const report = JSON.parse(stdout);
  assertEquals(report.subject, "foreign");
  assertEquals(Object.keys(report.ratios), [
    "transfer_destroy_rate_vs_comlink",
    "invoke_time_vs_comlink",
    "copy_time_vs_call",
    "copy64_time_vs_copy",
    "field_read_time_vs_typed_array",
  ]);
  for (const [key, value] of Object.entries(report.ratios)) {
    assert(typeof value === "number" && value > 0, `${key}: ${report.reasons[key]}`);
  }
});

for (
  const [subject, first, count] of [
    ["flow", "ordered_16_vs_best_by_hand", 13],
    ["services", "at_64_keys_vs_direct", 2],
    ["programs", "order_book_rate_vs_workers", 6],
    ["partitioned", "get_time_vs_call", 8],
    ["cells", "view_time_vs_seqlock", 10],
    ["cache", "cache_hit_reader_us", 9],
    ["structures", "get10k_owner_vs_map", 10],
  ] as const
) {
  Deno.test(`compare ${subject} --json prints one object with every key, and exits by itself`, async () => {
    const { code, stdout, stderr } = await compare(subject, "--quick", "--json");
    assertEquals(code, 0, stderr);
    const report = JSON.parse(stdout);
    assertEquals(report.subject, subject);
    const keys = Object.keys(report.ratios);
    assertEquals([keys[0], keys.length], [first, count]);
    for (const [key, value] of Object.entries(report.ratios)) {
      assert(typeof value === "number" && value > 0, `${key}: ${report.reasons[key]}`);
    }
  });
}

testWith(
  "memcaslap",
  "libmemcached-tools",
  "compare memcached --json prints one object with every key, and exits by itself",
  async () => {
    const { code, stdout, stderr } = await compare("memcached", "--quick", "--json");
    assertEquals(code, 0, stderr);
    assertEquals(stdout.trimEnd().split("\n").length, 1);
    const report = JSON.parse(stdout);
    assertEquals(report.subject, "memcached");
    assertEquals(Object.keys(report.ratios), [
      "rate_vs_memcached",
      "rate_vs_plain_deno",
      "p99_vs_memcached",
      "rss_over_memory",
    ]);
    for (const [key, value] of Object.entries(report.ratios)) {
      assert(typeof value === "number" && value > 0, `${key}: ${report.reasons[key]}`);
    }
  },
);

Deno.test("compare startup --json prints one object with every key, and exits by itself", async () => {
  const { code, stdout, stderr } = await compare("startup", "--quick", "--json");
  assertEquals(code, 0, stderr);
  assertEquals(stdout.trimEnd().split("\n").length, 1);
  const report = JSON.parse(stdout);
  assertEquals(report.subject, "startup");
  assertEquals(Object.keys(report.ratios), [
    "start2_time_vs_workers",
    "start8_time_vs_workers",
    "check_time_vs_no_library",
  ]);
  for (const [key, value] of Object.entries(report.ratios)) {
    assert(typeof value === "number" && value > 0, `${key}: ${report.reasons[key]}`);
  }
});

const PLACEMENT_RATIOS = [
  "huge_pages_random_reads_time",
  "huge_pages_dependent_reads_time",
  "huge_pages_table_rss",
  "huge_pages_replay_time",
  "huge_pages_replay_rss",
  "huge_pages_memcached_rate",
  "huge_pages_memcached_rss",
  ...["huge_pages", "prefault", "prefault_huge_pages", "lock"].flatMap((name) => {
    return ["start_time", "first_touch_time", "start_rss"].map((figure) => `${name}_${figure}`);
  }),
  ...["pin", "pin_busy", "pin_both", "pin_both_busy"].flatMap((name) => {
    return ["seq_time", "p99_time", "rate64"].map((figure) => `${name}_${figure}`);
  }),
];

Deno.test("compare placement --json prints one object with every key, and exits by itself", async () => {
  const { code, stdout, stderr } = await compare(
    ...["placement", "--quick", "--json", "--repetitions", "1"],
  );
  assertEquals(code, 0, stderr);
  assertEquals(stdout.trimEnd().split("\n").length, 1);
  const report = JSON.parse(stdout);
  assertEquals(report.subject, "placement");
  assertEquals(Object.keys(report.ratios), PLACEMENT_RATIOS);
  for (const [key, value] of Object.entries(report.ratios)) {
    // What a machine has no room, no leave or no tool for is absent, and says so.
    if (value === null) assert(report.reasons[key].length > 0, key);
    else assert(typeof value === "number" && value > 0, key);
  }
  assertEquals([...new Set(report.rows.map((row: { name: string }) => row.name))], [
    "Tidepool",
    "hugePages",
    "examples/memcached",
    "examples/memcached, hugePages",
    "prefault",
    "prefault, hugePages",
    "lock",
    "pin: the shard",
    "pin: the shard and the host",
  ]);
});

Deno.test("compare placement without leave to call the C library says so of each contestant", async () => {
  const { code, stdout, stderr } = await compareWith(
    ["--allow-all", "--deny-ffi"],
    ...["placement", "--quick", "--json", "--repetitions", "1"],
  );
  assertEquals(code, 0, stderr);
  const report = JSON.parse(stdout);
  assertEquals(Object.keys(report.ratios), PLACEMENT_RATIOS);
  const reasons: string[] = Object.values(report.reasons);
  assertEquals(reasons.length, PLACEMENT_RATIOS.length);
  for (const reason of reasons) {
    assertMatch(reason, /: (nothing was placed: |memcaslap is not installed|It has no sample: )/);
  }
  assertStringIncludes(report.reasons["pin_both_busy_seq_time"], "nothing was placed: ");
});
