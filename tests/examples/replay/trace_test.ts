import { assertEquals, assertRejects } from "@std/assert";
import {
  CALLOC,
  FREE,
  MALLOC,
  MEMALIGN,
  readTrace,
  REALLOC,
  TRACE_WORDS,
  TraceError,
} from "../../../examples/replay/trace.ts";
import { bundledTrace, bundledTracePath, traceOf } from "../../harness/trace.ts";

const TINY = `# malloc-trace 1
# program: tiny
# ops: 6 ids: 3 threads: 3
a 0 0 100
c 1 1 20
m 2 2 30 64
r 1 0 200
f 0 1
f 2 2
`;

Deno.test("parseTrace() reads every kind of operation and what the comments say", async () => {
  const trace = await traceOf(TINY);
  assertEquals([...trace.words], [
    ...[MALLOC, 0, 0, 100, 0],
    ...[CALLOC, 1, 1, 20, 0],
    ...[MEMALIGN, 2, 2, 30, 64],
    ...[REALLOC, 1, 0, 200, 0],
    ...[FREE, 0, 1, 0, 0],
    ...[FREE, 2, 2, 0, 0],
  ]);
  const { words: _, ...figures } = trace;
  assertEquals(figures, {
    program: "tiny",
    operations: 6,
    threads: 3,
    peakLiveBytes: 250,
    peakOperations: 4,
    liveBlocks: 1,
    liveBytes: 200,
  });
});

Deno.test("parseTrace() does not care where the chunks are cut, or how lines end", async () => {
  const whole = await traceOf(TINY);
  assertEquals(await traceOf(TINY, 1), whole);
  assertEquals(await traceOf(TINY, 7), whole);
  assertEquals(await traceOf(TINY.replaceAll("\n", "\r\n")), whole);
  assertEquals(await traceOf(TINY.trimEnd()), whole);
});

Deno.test("parseTrace() reads a trace without comments", async () => {
  const trace = await traceOf("a 0 0 8\nf 3 0\n");
  assertEquals([trace.program, trace.operations, trace.threads], ["test", 2, 4]);
});

const EXPECTED = 'Expected "a T I S", "c T I S", "m T I S A", "r T I S" or "f T I"';

const REJECTED: readonly [what: string, text: string, message: string][] = [
  ["no operation", "", `this is not an allocation trace: it holds no operation. Expected lines`],
  ["comments alone", "# program: x\n", "it holds no operation"],
  [
    "prose",
    "Lorem ipsum\n",
    `this is not an allocation trace: line 1 is "Lorem ipsum", which is no operation. ${EXPECTED}`,
  ],
  ["an unknown letter", "a 0 0 8\nx 0 0 8\n", `line 2 is "x 0 0 8", which is no operation.`],
  ["a missing number", "a 0 0 8\na 0 1\n", `line 2 is "a 0 1", which is no operation.`],
  ["one number too many", "a 0 0 8\nf 0 0 8\n", `line 2 is "f 0 0 8", which is no operation.`],
  ["a negative size", "a 0 0 -8\n", `line 1 is "a 0 0 -8", which is no operation.`],
  ["a fraction", "a 0 0 1.5\n", `line 1 is "a 0 0 1.5", which is no operation.`],
  ["two spaces", "a 0  0 8\n", `line 1 is "a 0  0 8", which is no operation.`],
  ["a size no slice holds", "a 0 0 4294967296\n", "line 1 holds 4294967296; no number of a trace"],
  ["an odd alignment", "m 0 0 8 24\n", "line 1 aligns block 0 to 24, which is not a power of two"],
  ["alignment 0", "m 0 0 8 0\n", "line 1 aligns block 0 to 0, which is not a power of two"],
  ["two lives at once", "a 0 0 8\na 1 0 8\n", "line 2 allocates block 0 twice"],
  [
    "a second life",
    "a 0 0 8\nf 0 0\nc 0 0 8\n",
    "line 3 allocates block 0 again after it was freed",
  ],
  ["a free of nothing", "f 0 9\n", "line 1 frees block 9, which was never allocated"],
  ["a double free", "a 0 0 8\nf 0 0\nf 0 0\n", "line 3 frees block 0, which was freed before"],
  ["a resize of nothing", "r 0 9 8\n", "line 1 resizes block 9, which was never allocated"],
  [
    "a resize after free",
    "a 0 0 8\nf 0 0\nr 0 0 9\n",
    "line 3 resizes block 0, which was freed before",
  ],
  [
    "fewer operations than announced",
    "# ops: 3\na 0 0 8\nf 0 0\n",
    "the trace announces 3 operations and holds 2: the file was cut short or edited",
  ],
  ["another format", "# malloc-trace 2\n", "line 1 says that this is format 2; only format 1"],
  ["one endless line", "a".repeat(5000), `line 1 is "${"a".repeat(40)}…", which is no operation.`],
];

for (const [what, text, message] of REJECTED) {
  Deno.test(`parseTrace() rejects ${what}`, async () => {
    await assertRejects(() => traceOf(text), TraceError, message);
  });
}

Deno.test("readTrace() reads the four bundled traces whole", async () => {
  const read = await Promise.all((["git-pack", "jq", "lua", "sqlite"] as const).map(bundledTrace));
  assertEquals(
    read.map(({ program, operations, threads, peakLiveBytes, liveBlocks }) =>
      [program, operations, threads, peakLiveBytes, liveBlocks] as const
    ),
    [
      ["git-pack", 240292, 5, 45033104, 4745],
      ["jq", 233469, 1, 7913529, 0],
      ["lua", 194790, 1, 1798522, 1],
      ["sqlite", 107000, 1, 687419, 15],
    ],
  );
  assertEquals(read.map(({ words }) => words.length / TRACE_WORDS), [
    240292,
    233469,
    194790,
    107000,
  ]);
});

Deno.test("readTrace() reads plain text and names the file in its errors", async () => {
  const path = await Deno.makeTempFile({ suffix: ".trace" });
  try {
    await Deno.writeTextFile(path, "a 0 0 8\n");
    assertEquals((await readTrace(path)).operations, 1);
    await Deno.writeTextFile(path, "a 0 0 8\nq\n");
    await assertRejects(() => readTrace(path), TraceError, `${path}: line 2 is "q"`);
    await Deno.writeFile(path, new Uint8Array([0xff, 0xfe, 0, 1]));
    await assertRejects(
      () => readTrace(path),
      TraceError,
      `${path}: this is not an allocation trace: it is not UTF-8 text`,
    );
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("readTrace() notices a gzipped file that was cut short", async () => {
  const whole = await Deno.readFile(bundledTracePath("sqlite"));
  const path = await Deno.makeTempFile({ suffix: ".trace.gz" });
  try {
    await Deno.writeFile(path, whole.subarray(0, 100_000));
    await assertRejects(
      () => readTrace(path),
      TraceError,
      `${path}: the gzip data is damaged or ends early: `,
    );
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("readTrace() says that a file is missing, or is a folder", async () => {
  const missing = `${import.meta.dirname}/missing.trace.gz`;
  await assertRejects(() => readTrace(missing), TraceError, `${missing}: there is no such file`);
  const folder = `${import.meta.dirname}`;
  await assertRejects(() => readTrace(folder), TraceError, `${folder}: this is a folder`);
});
