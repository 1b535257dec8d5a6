/**
 * What every comparison shares: trials sampled in turns, medians, and ratios between contestants.
 *
 * The repetitions are interleaved (the first sample of every contestant, then the second of every
 * contestant, …), and a ratio is computed within each repetition before the median is taken. A
 * machine that slows down for a second then slows both sides of a ratio, and the ratio stands.
 *
 * @module
 */

/** One contestant at one task; `sample` runs it once and returns the figure in `unit`. */
export interface Trial {
  readonly name: string;
  readonly measure: string;
  readonly unit: string;
  readonly sample: () => number | Promise<number>;
}

/** What came out of a trial: one sample per repetition, or none and the reason why. */
export interface Measurement {
  readonly name: string;
  readonly measure: string;
  readonly unit: string;
  readonly samples: readonly number[];
  /** Why there are no samples; null when there are some. */
  readonly reason: string | null;
  /** A remark that belongs to this figure alone. */
  readonly note?: string;
}

/** A ratio or another figure that a comparison is judged by. */
export interface Ratio {
  readonly value: number | null;
  /** Why the value is null; null when it is a number. */
  readonly reason: string | null;
}

/** The middle value; the mean of the two middle ones when their number is even. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("Cannot take the median of no values");
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle]!;
  return sorted.length % 2 === 1 ? upper : (sorted[middle - 1]! + upper) / 2;
}

/** The mean for ratios: the n-th root of the product of n positive values. */
export function geometricMean(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError("Cannot take the geometric mean of no values");
  let sum = 0;
  for (const value of values) {
    if (!(value > 0)) {
      throw new RangeError(`Cannot take a geometric mean: expected positive values, got ${value}`);
    }
    sum += Math.log(value);
  }
  return Math.exp(sum / values.length);
}

/** The value below which the share `fraction` (0 to 1) of an ascending array lies. */
export function quantile(ascending: ArrayLike<number>, fraction: number): number {
  if (ascending.length === 0) throw new RangeError("Cannot take a quantile of no values");
  const index = Math.ceil(fraction * ascending.length) - 1;
  return ascending[Math.min(Math.max(index, 0), ascending.length - 1)]!;
}

/** A measurement that could not be made, with the reason. */
export function unavailable(
  name: string,
  measure: string,
  unit: string,
  reason: string,
): Measurement {
  return { name, measure, unit, samples: [], reason };
}

/** A measurement of figures that were taken outside of the interleaved repetitions. */
export function measured(
  name: string,
  measure: string,
  unit: string,
  samples: readonly number[],
  note?: string,
): Measurement {
  const measurement = { name, measure, unit, samples, reason: null };
  return note === undefined ? measurement : { ...measurement, note };
}

/**
 * Samples every trial once per repetition, in turns, after one unrecorded warm-up sample each.
 *
 * A trial that throws is out from then on: its samples are dropped and the error's text is its
 * reason, because a contestant that works in some repetitions only has no median worth stating.
 *
 * @param onTurn Is told before each sample how many are done, and of how many, for a progress line.
 */
export async function measureInterleaved(
  trials: readonly Trial[],
  repetitions: number,
  onTurn: (done: number, total: number, trial: Trial) => void = () => {},
): Promise<Measurement[]> {
  const samples = trials.map((): number[] => []);
  const reasons = trials.map((): string | null => null);
  const total = trials.length * (repetitions + 1);
  let done = 0;
  for (let repetition = -1; repetition < repetitions; repetition++) {
    for (const [index, trial] of trials.entries()) {
      onTurn(done++, total, trial);
      if (reasons[index] !== null) continue;
      try {
        const value = await trial.sample();
        if (!Number.isFinite(value)) throw new Error(`The sample is ${value}, not a finite number`);
        if (repetition >= 0) samples[index]!.push(value);
      } catch (error) {
        reasons[index] = reasonOf(error);
        samples[index] = [];
      }
    }
  }
  return trials.map(({ name, measure, unit }, index) => ({
    name,
    measure,
    unit,
    samples: samples[index]!,
    reason: reasons[index]!,
  }));
}

/** Far more than any sample takes: whoever needs it hangs. */
const PATIENCE_MS = 20_000;

/** What a contestant promised, or an error once it is clear that it hangs. */
export async function answerOf<Result>(
  promise: Promise<Result>,
  patienceMs = PATIENCE_MS,
): Promise<Result> {
  const patience = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    patience.reject(new Error(`It did not answer within ${patienceMs / 1e3} s`));
  }, patienceMs);
  try {
    return await Promise.race([promise, patience.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** The text of a thrown value on one line, as a reason. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message || error.name : String(error);
  return text.replaceAll(/\s+/g, " ").trim();
}

/** Finds a contestant's measurement; a missing one is a mistake in the subject, so it throws. */
export function find(
  measurements: readonly Measurement[],
  name: string,
  measure: string,
): Measurement {
  const found = measurements.find((each) => each.name === name && each.measure === measure);
  if (found === undefined) throw new Error(`No measurement of "${measure}" for "${name}" was made`);
  return found;
}

/** Dividend and divisor of a ratio, sampled in the same repetitions. */
export interface RatioPair {
  readonly dividend: Measurement;
  readonly divisor: Measurement;
}

/**
 * The median over the repetitions of the geometric mean over the pairs.
 *
 * One pair gives the plain ratio of two contestants; a pair per trace gives the mean over traces. A
 * pair with a missing side makes the whole ratio null: a mean over fewer traces would look better
 * or worse than it is.
 */
export function ratioOf(pairs: readonly RatioPair[]): Ratio {
  if (pairs.length === 0) return { value: null, reason: "nothing was measured" };
  for (const pair of pairs) {
    for (const side of [pair.dividend, pair.divisor]) {
      if (side.reason !== null) {
        return { value: null, reason: `${side.name}, ${side.measure}: ${side.reason}` };
      }
    }
  }
  const repetitions = Math.min(
    ...pairs.flatMap((pair) => [pair.dividend.samples.length, pair.divisor.samples.length]),
  );
  if (repetitions === 0) return { value: null, reason: "no repetition was measured" };
  const ratios: number[] = [];
  for (let repetition = 0; repetition < repetitions; repetition++) {
    ratios.push(geometricMean(pairs.map(({ dividend, divisor }) => {
      return dividend.samples[repetition]! / divisor.samples[repetition]!;
    })));
  }
  return { value: median(ratios), reason: null };
}

/** The measurement with the best median, or the reasons why there is none. */
export function bestOf(
  candidates: readonly Measurement[],
  best: "lowest" | "highest",
): Measurement {
  let winner: Measurement | undefined;
  for (const candidate of candidates) {
    if (candidate.reason !== null || candidate.samples.length === 0) continue;
    const difference = winner === undefined
      ? -1
      : median(candidate.samples) - median(winner.samples);
    if (winner === undefined || (best === "lowest" ? difference < 0 : difference > 0)) {
      winner = candidate;
    }
  }
  if (winner !== undefined) return winner;
  const first = candidates[0];
  const reasons = candidates.map((each) => `${each.name}: ${each.reason ?? "no samples"}`);
  return unavailable("best peer", first?.measure ?? "", first?.unit ?? "", reasons.join("; "));
}

/** A figure that is judged as it stands: the median of one measurement. */
export function figureOf(measurement: Measurement): Ratio {
  return measurement.samples.length === 0
    ? { value: null, reason: measurement.reason ?? "no repetition was measured" }
    : { value: median(measurement.samples), reason: null };
}
