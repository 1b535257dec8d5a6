/** The form of a report: what `--json` holds, and what the table shows. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { measured, unavailable } from "../../bench/comparison.ts";
import { formatFigure, formatReport, makeReport, ownFailures } from "../../bench/report.ts";

const CIRCUMSTANCES = {
  machine: "a machine, 2 cores",
  deno: "2.9.6",
  date: "2026-01-02T03:04:05Z",
};

const FINDINGS = {
  measurements: [
    measured("Tidepool", "git-pack", "ns/op", [30, 10, 20]),
    measured("Tidepool", "space, git-pack", "peak live ÷ space", [0.894], "50 bytes"),
    unavailable("glibc malloc", "git-pack", "ns/op", "there is no C compiler"),
  ],
  ratios: {
    space_mean: { value: 0.894, reason: null },
    time_vs_glibc: { value: null, reason: "glibc malloc, git-pack: there is no C compiler" },
  },
  notes: ["Blocks are not written to."],
};

Deno.test("makeReport() gives every key and row, with the reason of each null", () => {
  assertEquals(makeReport("allocator", CIRCUMSTANCES, FINDINGS), {
    subject: "allocator",
    ...CIRCUMSTANCES,
    ratios: { space_mean: 0.894, time_vs_glibc: null },
    reasons: { time_vs_glibc: "glibc malloc, git-pack: there is no C compiler" },
    notes: ["Blocks are not written to."],
    rows: [
      {
        name: "Tidepool",
        measure: "git-pack",
        unit: "ns/op",
        value: 20,
        minimum: 10,
        maximum: 30,
        repetitions: 3,
      },
      {
        name: "Tidepool",
        measure: "space, git-pack",
        unit: "peak live ÷ space",
        value: 0.894,
        minimum: 0.894,
        maximum: 0.894,
        repetitions: 1,
        note: "50 bytes",
      },
      {
        name: "glibc malloc",
        measure: "git-pack",
        unit: "ns/op",
        value: null,
        minimum: null,
        maximum: null,
        repetitions: 0,
        reason: "there is no C compiler",
      },
    ],
  });
});

Deno.test("formatReport() shows values, spread, reasons, ratios and notes", () => {
  const text = formatReport(makeReport("allocator", CIRCUMSTANCES, FINDINGS));
  assertEquals(text.split("\n"), [
    "compare allocator",
    "a machine, 2 cores · Deno 2.9.6 · 2026-01-02T03:04:05Z",
    "",
    "git-pack         Tidepool           20.0  ns/op              10.0 … 30.0",
    "space, git-pack  Tidepool          0.894  peak live ÷ space  50 bytes",
    "git-pack         glibc malloc       none  there is no C compiler",
    "",
    "ratios: medians of the ratios within each repetition",
    "  space_mean     0.894",
    "  time_vs_glibc  none: glibc malloc, git-pack: there is no C compiler",
    "",
    "· Blocks are not written to.",
  ]);
});

Deno.test("formatReport() names a measure once for all its contestants", () => {
  const measurements = ["a", "b"].map((name) => measured(name, "work", "ns/op", [1]));
  const text = formatReport(
    makeReport("x", CIRCUMSTANCES, { measurements, ratios: {}, notes: [] }),
  );
  assertStringIncludes(text, "\nwork  a       1.00  ns/op\n      b       1.00  ns/op\n");
});

Deno.test("ownFailures() holds our own empty rows, not the peers'", () => {
  assertEquals(ownFailures(makeReport("allocator", CIRCUMSTANCES, FINDINGS)), []);
  const measurements = [unavailable("Tidepool", "work", "ns/op", "it broke")];
  const report = makeReport("allocator", CIRCUMSTANCES, { measurements, ratios: {}, notes: [] });
  assertEquals(ownFailures(report).map((row) => row.reason), ["it broke"]);
});

Deno.test("formatFigure() keeps three digits at every size", () => {
  assertEquals(
    [0, 0.000012345, 0.012345, 1, 12.345, 999.4, 1234.5, 1_234_567].map(formatFigure),
    ["0.00", "1.23e-5", "0.0123", "1.00", "12.3", "999", "1,230", "1,230,000"],
  );
});
