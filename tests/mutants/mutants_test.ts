/** `deno task mutants`, run as a user runs it: mostly on a project that is soon tested. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { TARGETS } from "../../mutants/targets.ts";
import { mutants, textsOf, Toy } from "./toy.ts";

const ROOT = new URL("../../", import.meta.url);

const SOURCE = `export function isLarge(n: number): boolean {
  return n > 10;
}
export function countDown(n: number): number {
  while (n > 0) n--;
  return n;
}
`;
/** Says nothing about 10 itself. */
const TEST = `import { countDown, isLarge } from "./toy.ts";
Deno.test("isLarge()", () => {
  if (!isLarge(12) || isLarge(9)) throw new Error("isLarge() is wrong");
});
Deno.test("countDown()", () => {
  if (countDown(3) !== 0) throw new Error("countDown() is wrong");
});
`;

Deno.test("mutants tells what survives from what is killed, and leaves the files as they are", async () => {
  await using toy = await Toy.of(SOURCE, TEST);
  const { files, seed } = await toy.report("--line", "2");
  const statuses = files[0]!.mutants.map(({ status, mutant }) => [status, mutant]);
  assertEquals(statuses, [
    ["killed", "isLarge: [delete return n > 10;]"],
    ["survived", "isLarge: return n [> → >=] 10;"],
    ["killed", "isLarge: return n [> → <=] 10;"],
    ["survived", "isLarge: return n > [10 → 11];"],
  ]);
  const { killed, timedOut, survived, equivalent, score } = files[0]!;
  assertEquals([killed, timedOut, survived, equivalent, score], [2, 0, 2, 0, 50]);
  assertEquals(files[0]!.mutants.map(({ test }) => test), [
    "toy_test.ts",
    undefined,
    "toy_test.ts",
    undefined,
  ]);
  assertEquals(seed, 1);
  assertEquals([await toy.read("toy.ts"), await toy.read("toy_test.ts")], [SOURCE, TEST]);
  assertEquals(toy.leftovers(), []);
});

Deno.test("mutants prints survivors with file, line and change, the figures, and the seed", async () => {
  await using toy = await Toy.of(SOURCE, TEST);
  const { code, stdout } = await toy.run("--line", "2", "--jobs", "1", "--seed", "5");
  assertEquals(code, 1);
  assertEquals(
    stdout,
    `Survived: a test is missing, or the code is dead.

toy.ts:2:12  isLarge: return n [> → >=] 10;
toy.ts:2:14  isLarge: return n > [10 → 11];

toy.ts: 2 killed, 0 killed by time-out, 2 survived, 0 equivalent; score 50 %
Seed 5
`,
  );
});

Deno.test("mutants counts a change that hangs as killed by time-out", async () => {
  await using toy = await Toy.of(
    SOURCE.replace("while (n > 0) n--;", "while (n > 0) {\n    n--;\n  }"),
    TEST,
  );
  const { files: [file] } = await toy.report("--line", "6", "--time-limit", "3");
  assertEquals(file!.mutants.map(({ status, mutant }) => [status, mutant]), [
    ["timed out", "countDown: [delete n--;]"],
    ["timed out", "countDown: n[-- → ++];"],
  ]);
  assertEquals([file!.killed, file!.timedOut, file!.survived, file!.score], [0, 2, 0, 100]);
});

Deno.test("mutants that are listed as equivalent are not run, until their line changes", async () => {
  await using toy = await Toy.of(SOURCE, TEST);
  const listed = ["isLarge: return n [> → >=] 10;", "isLarge: return n > [10 → 11];"];
  const list = [{ file: "toy.ts", reason: "Nobody has ten.", mutants: listed }];
  await toy.write("mutants/equivalent.json", JSON.stringify(list));
  const clean = await toy.run("--line", "2");
  assertEquals(clean.code, 0, clean.stderr);
  assertStringIncludes(
    clean.stdout,
    "2 killed, 0 killed by time-out, 0 survived, 2 equivalent; score 100 %",
  );
  const { files: [file] } = await toy.report("--line", "2");
  assertEquals(
    file!.mutants.filter(({ status }) => status === "equivalent").map(({ reason }) => reason),
    ["Nobody has ten.", "Nobody has ten."],
  );
  // Lines above change nothing; the line itself does.
  await toy.write("toy.ts", `// One more line.\n${SOURCE}`);
  assertEquals((await toy.report("--list")).files[0]!.stale, []);
  await toy.write("toy.ts", SOURCE.replace("n > 10", "n > 9"));
  const stale = await toy.run("--line", "2");
  assertEquals(stale.code, 1);
  for (const key of listed) {
    assertStringIncludes(stale.stdout, `toy.ts: stale in equivalent.json: ${key}`);
  }
});

Deno.test("mutants --sample takes the same changes for the same seed, in the order of the text", async () => {
  await using toy = await Toy.of(SOURCE, TEST);
  const all = await toy.list();
  const sample = await toy.list("--sample", "5", "--seed", "7");
  assertEquals(await toy.list("--sample", "5", "--seed", "7"), sample);
  assertEquals(sample, all.filter((mutant) => sample.includes(mutant)));
  assertEquals([sample.length, new Set(sample).size], [5, 5]);
  const samples = await Promise.all(
    ["1", "2", "3", "4"].map((seed) => toy.list("--sample", "5", "--seed", seed)),
  );
  assert(new Set(samples.map(String)).size > 1, "the seed makes no difference");
  assertEquals(await toy.list("--sample", "1000"), all);
  const { stdout } = await toy.run("--list", "--sample", "1");
  assertMatch(stdout, /^toy\.ts:\d+:\d+ {2}\w+ {2}\w+: .+\n1 mutant\nSeed \d+\n$/);
});

Deno.test("mutants --help says how to use it", async () => {
  const { code, stdout } = await mutants("--help");
  assertEquals(code, 0);
  assert(stdout.startsWith("Usage: deno task mutants [FILE…] [options]"));
  for (const file of TARGETS.keys()) assertStringIncludes(stdout, file);
});

Deno.test("mutants refuses what it cannot use, and says what it expects", async () => {
  const cases: [string[], string][] = [
    [["allocator/none.ts"], "Cannot read allocator/none.ts: there is no such file in "],
    [["allocator"], "Cannot read allocator: there is no such file in "],
    [
      ["allocator/layout/align.ts"],
      "Cannot tell which tests belong to allocator/layout/align.ts: name them",
    ],
    [["../other.ts"], "Cannot use ../other.ts: it lies outside of "],
    [
      ["allocator/placement/tlsf.ts", "--test", "tests/none_test.ts"],
      "Cannot read tests/none_test.ts: there",
    ],
    [
      ["allocator/placement/tlsf.ts", "--line", "1"],
      "Cannot change anything in allocator/placement/tlsf.ts:1: it has",
    ],
    [["--line", "1"], `Cannot use --line with ${TARGETS.size} files: expected one`],
    [["--jobs", "0"], '--jobs is "0": expected a whole number from 1'],
    [["--sample", "many"], '--sample is "many": expected a whole number from 1'],
    [["--seed", "-1"], "Option '--seed' argument is ambiguous"],
    [["--time-limit", "1.5"], '--time-limit is "1.5": expected a whole number from 1'],
    [["--root", "/"], "Cannot use --root alone: --test says which tests of that project to run"],
    [
      ["--test", "tests/architecture_test.ts"],
      "Cannot use --test alone: expected a file beside it",
    ],
    [["--frequently"], "Unknown option '--frequently'"],
  ];
  for (const [args, expected] of cases) {
    const { code, stdout, stderr } = await mutants(...args);
    assertEquals([code, stdout], [2, ""], args.join(" "));
    assertStringIncludes(stderr, expected);
  }
});

Deno.test("mutants refuses a test that fails without any change, and shows its output", async () => {
  await using toy = await Toy.of(SOURCE, TEST.replace("countDown(3) !== 0", "true"));
  const { code, stderr } = await toy.run();
  assertEquals(code, 2);
  assertStringIncludes(stderr, "Cannot try mutants on toy_test.ts: it fails without any change");
  assertStringIncludes(stderr, "countDown() is wrong");
  assertEquals(toy.leftovers(), []);
});

Deno.test("mutants refuses a list of equivalent mutants without reasons", async () => {
  await using toy = await Toy.of(SOURCE, TEST);
  const list = [{ file: "toy.ts", reason: " ", mutants: [] }];
  await toy.write("mutants/equivalent.json", JSON.stringify(list));
  const { code, stderr } = await toy.run("--list");
  assertEquals(code, 2);
  assertStringIncludes(
    stderr,
    "Cannot use mutants/equivalent.json: expected a list of { file, reason, mutants }, the reason a text that is not empty",
  );
});

Deno.test("mutants that is interrupted ends its tests and removes its copies", async () => {
  await using toy = await Toy.of(SOURCE, `${TEST}await new Promise(() => setInterval(() => {}));`);
  using watcher = Deno.watchFs(toy.temporary);
  const program = toy.command().spawn();
  for await (const { kind } of watcher) if (kind === "create") break;
  program.kill("SIGINT");
  const { code, stderr } = textsOf(await program.output());
  assertEquals([code, stderr], [2, "Interrupted\n"]);
  assertEquals(toy.leftovers(), []);
});

Deno.test("every file in the table of mutants and every test of it is there", async () => {
  for (const path of new Set([...TARGETS.entries()].flatMap(([file, tests]) => [file, ...tests]))) {
    assert((await Deno.stat(new URL(path, ROOT))).isFile, path);
  }
});

Deno.test("every entry of mutants/equivalent.json names a mutant that there is", async () => {
  const list = JSON.parse(await Deno.readTextFile(new URL("mutants/equivalent.json", ROOT)));
  const { code, stdout, stderr } = await mutants("--list", "--json");
  assertEquals(code, 0, stderr);
  const files: { file: string; stale: string[] }[] = JSON.parse(stdout).files;
  assertEquals(files.flatMap(({ stale }) => stale), []);
  for (const { file } of list) assert(TARGETS.has(file), `${file} is in no table`);
});
