/** The arithmetic of comparisons: medians, ratios within repetitions, and who is left out. */
import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import {
  bestOf,
  figureOf,
  find,
  geometricMean,
  measured,
  measureInterleaved,
  median,
  quantile,
  ratioOf,
  reasonOf,
  type Trial,
  unavailable,
} from "../../bench/comparison.ts";

function samples(name: string, values: number[]) {
  return measured(name, "work", "ns/op", values);
}

Deno.test("median() takes the middle value, or the mean of the middle two", () => {
  assertEquals(median([9, 1, 5]), 5);
  assertEquals(median([10, 2, 4, 1]), 3);
  assertEquals(median([7]), 7);
  assertThrows(() => median([]), RangeError, "Cannot take the median of no values");
});

Deno.test("median() sorts numbers as numbers and leaves its argument alone", () => {
  const values = [10, 9, 100];
  assertEquals(median(values), 10);
  assertEquals(values, [10, 9, 100]);
});

Deno.test("geometricMean() multiplies, and refuses what has no logarithm", () => {
  assertAlmostEquals(geometricMean([2, 8]), 4);
  assertAlmostEquals(geometricMean([0.5, 2]), 1);
  assertThrows(() => geometricMean([]), RangeError, "no values");
  assertThrows(() => geometricMean([1, 0]), RangeError, "expected positive values, got 0");
});

Deno.test("quantile() takes the value that the share of values does not exceed", () => {
  const hundred = Float64Array.from({ length: 100 }, (_, index) => index + 1);
  assertEquals(quantile(hundred, 0), 1);
  assertEquals(quantile(hundred, 0.5), 50);
  assertEquals(quantile(hundred, 0.99), 99);
  assertEquals(quantile(hundred, 1), 100);
  assertThrows(() => quantile([], 0.5), RangeError, "no values");
});

Deno.test("ratioOf() divides within each repetition before it takes the median", () => {
  // The machine is ten times slower in the second repetition: the ratio does not see it.
  const dividend = samples("a", [2, 20, 3]);
  const divisor = samples("b", [1, 10, 1]);
  assertEquals(ratioOf([{ dividend, divisor }]), { value: 2, reason: null });
});

Deno.test("ratioOf() takes the geometric mean over its pairs", () => {
  const one = { dividend: samples("a", [4]), divisor: samples("b", [1]) };
  const other = { dividend: samples("a", [1]), divisor: samples("b", [1]) };
  assertAlmostEquals(ratioOf([one, other]).value!, 2);
});

Deno.test("ratioOf() is null with a reason when any side of any pair is missing", () => {
  const complete = { dividend: samples("a", [1]), divisor: samples("b", [1]) };
  const divisor = unavailable("glibc", "lua", "ns/op", "there is no C compiler");
  const ratio = ratioOf([complete, { dividend: samples("a", [1]), divisor }]);
  assertEquals(ratio, { value: null, reason: "glibc, lua: there is no C compiler" });
  assertEquals(ratioOf([]).value, null);
  assertEquals(ratioOf([{ dividend: samples("a", []), divisor: samples("b", [1]) }]), {
    value: null,
    reason: "no repetition was measured",
  });
});

Deno.test("bestOf() takes the best median of those who ran", () => {
  const fast = samples("fast", [1, 2, 3]);
  const slow = samples("slow", [10, 20, 30]);
  const absent = unavailable("absent", "work", "ns/op", "it is not there");
  assertEquals(bestOf([absent, slow, fast], "lowest"), fast);
  assertEquals(bestOf([absent, fast, slow], "highest"), slow);
  assertEquals(bestOf([absent], "lowest").reason, "absent: it is not there");
});

Deno.test("figureOf() takes the median, or hands on the reason", () => {
  assertEquals(figureOf(samples("a", [1, 5, 2])), { value: 2, reason: null });
  assertEquals(figureOf(unavailable("a", "work", "µs", "why not")), {
    value: null,
    reason: "why not",
  });
});

Deno.test("find() throws when a subject asks for what it never measured", () => {
  const measurement = samples("a", [1]);
  assertEquals(find([measurement], "a", "work"), measurement);
  assertThrows(() => find([measurement], "a", "play"), Error, '"play" for "a"');
});

Deno.test("reasonOf() puts what was thrown on one line", () => {
  assertEquals(reasonOf(new Error("first\n  second")), "first second");
  assertEquals(reasonOf(new TypeError()), "TypeError");
  assertEquals(reasonOf("a string"), "a string");
});

Deno.test("measureInterleaved() warms up each trial, then takes turns", async () => {
  const order: string[] = [];
  const trial = (name: string): Trial => {
    let turn = 0;
    return {
      name,
      measure: "work",
      unit: "ns/op",
      sample: () => {
        order.push(name);
        return turn++;
      },
    };
  };
  const turns: number[] = [];
  const result = await measureInterleaved([trial("a"), trial("b")], 2, (done, total) => {
    turns.push(done / total);
  });
  assertEquals(order, ["a", "b", "a", "b", "a", "b"]);
  assertEquals(turns, [0, 1 / 6, 2 / 6, 3 / 6, 4 / 6, 5 / 6]);
  // The warm-up's sample, 0, is not among them.
  assertEquals(result.map((each) => each.samples), [[1, 2], [1, 2]]);
  assertEquals(result.map((each) => each.reason), [null, null]);
});

Deno.test("measureInterleaved() drops whoever throws, and goes on with the others", async () => {
  let calls = 0;
  const fails: Trial = {
    name: "fails",
    measure: "work",
    unit: "ns/op",
    sample: () => {
      if (++calls === 3) throw new Error("broke in the second repetition");
      return 1;
    },
  };
  const nonsense: Trial = { name: "nonsense", measure: "work", unit: "ns/op", sample: () => NaN };
  const works: Trial = {
    name: "works",
    measure: "work",
    unit: "ns/op",
    sample: () => Promise.resolve(4),
  };
  const result = await measureInterleaved([fails, nonsense, works], 3);
  assertEquals(calls, 3);
  assertEquals(result[0]!.samples, []);
  assertEquals(result[0]!.reason, "broke in the second repetition");
  assertEquals(result[1]!.reason, "The sample is NaN, not a finite number");
  assertEquals(result[2]!.samples, [4, 4, 4]);
});
