/**
 * Counts the lines of a web server's log, as bytes: text is made of a path once. Knows nothing of threads.
 *
 * A line is of the common log format, and may end in the seconds that the answer took, behind anything else:
 * `HOST - USER [29/Nov/2026:HOUR:10:00 +0000] "METHOD PATH PROTOCOL" STATUS BYTES … SECONDS`.
 *
 * @module
 */

/** Counts by path, status and hour: columns of one length, and what is known of all lines. */
export interface LogSummary {
  readonly lines: number;
  /** Lines that are of another format. */
  readonly strangeLines: number;
  readonly pathNames: readonly string[];
  /** Index in `pathNames`. */
  readonly path: Uint32Array;
  readonly status: Uint32Array;
  readonly hour: Uint32Array;
  readonly requests: Float64Array;
  readonly bytes: Float64Array;
  /** How many answers took how long: see `bucketOf()`. */
  readonly times: Float64Array;
}

const [LINE_FEED, SPACE, QUOTE, DASH, POINT, ZERO] = [...'\n "-.0'].map((c) => c.charCodeAt(0)) as [
  number,
  number,
  number,
  number,
  number,
  number,
];
/** From the hour to the quote before the method: `HH:MM:SS +0000] "`. */
const HOUR_TO_QUOTE = 16;

/** Bucket of a time in milliseconds: exact below 32, and then a 16th wide. */
const bucketOf = (ms: number): number => {
  const shift = Math.max(0, 27 - Math.clz32(ms));
  return shift * 16 + (ms >>> shift);
};
const BUCKETS = bucketOf(2 ** 31) + 1;

/** Milliseconds that the quickest `share` of the answers took at most, to a 16th. */
export function percentile({ times }: LogSummary, share: number): number {
  let left = times.reduce((sum, count) => sum + count, 0) * share;
  const bucket = times.findIndex((count) => (left -= count) <= 0);
  const shift = Math.max(0, (bucket >> 4) - 1);
  return (bucket - shift * 16) * 2 ** shift;
}

/** The groups of lines that are alike in `by`, those with the most bytes first. */
export function topGroups(log: LogSummary, by: readonly ("path" | "status" | "hour")[], k: number) {
  const groups = new Map<string, { requests: number; bytes: number }>();
  for (let i = 0; i < log.path.length; i++) {
    const key = by.map((of) => of === "path" ? log.pathNames[log.path[i]!] : log[of][i]).join(" ");
    const group = groups.get(key) ?? { requests: 0, bytes: 0 };
    group.requests += log.requests[i]!;
    group.bytes += log.bytes[i]!;
    groups.set(key, group);
  }
  return [...groups].sort(([, a], [, b]) => b.bytes - a.bytes).slice(0, k);
}

/** Counts of any number of lines. */
export class LogCounts {
  #lines = 0;
  #strangeLines = 0;
  /** Number of a path by the hash of its bytes, or the next free one. */
  readonly #numbers = new Map<number, number>();
  readonly #names: Uint8Array[] = [];
  /** Index in the columns, by path, hour and status as one number. */
  readonly #groups = new Map<number, number>();
  readonly #requests: number[] = [];
  readonly #bytes: number[] = [];
  readonly #times = new Float64Array(BUCKETS);

  /** Counts whole lines. @returns how many bytes there were */
  add(log: Uint8Array): number {
    for (let at = 0; at < log.length; this.#lines++) {
      const end = this.#addLine(log, at);
      if (end === undefined) this.#strangeLines++;
      at = (end ?? skipTo(log, at, LINE_FEED, 0)) + 1;
    }
    return log.length;
  }

  /** @returns where the line ends; undefined if it is a strange one */
  #addLine(log: Uint8Array, start: number): number | undefined {
    const quote = skipTo(log, start, QUOTE);
    const hourAt = quote - HOUR_TO_QUOTE;
    const path = skipTo(log, quote, SPACE) + 1; // behind the method
    const pathEnd = skipTo(log, path, SPACE);
    const statusAt = skipTo(log, pathEnd, QUOTE) + 2; // behind the protocol
    const bytesAt = skipTo(log, statusAt, SPACE) + 1;
    const bytesEnd = skipTo(log, bytesAt, SPACE);
    const hour = hourAt > start ? numberIn(log, hourAt, hourAt + 2) : NaN;
    const status = numberIn(log, statusAt, bytesAt - 1);
    const hasBody = bytesEnd - bytesAt !== 1 || log[bytesAt] !== DASH;
    const bytes = hasBody ? numberIn(log, bytesAt, bytesEnd) : 0;
    if (!(pathEnd > path && hour < 24 && status >= 100 && status < 1000 && bytes >= 0)) return;
    this.#count(this.#pathNumber(log, path, pathEnd), hour, status, 1, bytes);
    const end = skipTo(log, bytesEnd, LINE_FEED, 0);
    this.#countTime(log, bytesEnd, end);
    return end;
  }

  /** Counts the time that ends a line, if one does: `1.234`, to a millisecond. */
  #countTime(log: Uint8Array, start: number, end: number): void {
    let at = end;
    while (at > start && log[at - 1]! >= POINT && log[at - 1]! <= ZERO + 9) at--;
    if (at === end || log[at - 1] !== SPACE) return;
    const point = Math.min(skipTo(log, at, POINT), end);
    const milliseconds = numberIn(log, at, point) * 1000 +
      Math.trunc(numberIn(log, point + 1, end) * 10 ** (3 - (end - point - 1)));
    if (milliseconds < 2 ** 31) this.#times[bucketOf(milliseconds)]!++; // not if it is no number
  }

  #count(path: number, hour: number, status: number, requests: number, bytes: number): void {
    const key = (path * 24 + hour) * 1000 + status;
    let group = this.#groups.get(key);
    if (group === undefined) {
      this.#groups.set(key, group = this.#requests.push(0) - 1);
      this.#bytes.push(0);
    }
    this.#requests[group]! += requests;
    this.#bytes[group]! += bytes;
  }

  #pathNumber(log: Uint8Array, start: number, end: number): number {
    let hash = 0;
    for (let at = start; at < end; at++) hash = (Math.imul(hash, 31) + log[at]!) | 0;
    for (;; hash++) {
      const number = this.#numbers.get(hash);
      if (number === undefined) break;
      if (isSame(this.#names[number]!, log, start, end)) return number;
    }
    this.#numbers.set(hash, this.#names.push(log.slice(start, end)) - 1);
    return this.#names.length - 1;
  }

  /** Counts what others have counted. */
  addSummary(log: LogSummary): void {
    this.#lines += log.lines;
    this.#strangeLines += log.strangeLines;
    log.times.forEach((count, bucket) => this.#times[bucket]! += count);
    const names = log.pathNames.map((name) => new TextEncoder().encode(name));
    const numbers = names.map((name) => this.#pathNumber(name, 0, name.length));
    log.path.forEach((path, i) => {
      this.#count(numbers[path]!, log.hour[i]!, log.status[i]!, log.requests[i]!, log.bytes[i]!);
    });
  }

  /** All that was counted. */
  summary(): LogSummary {
    const keys = [...this.#groups.keys()];
    const decoder = new TextDecoder();
    return {
      lines: this.#lines,
      strangeLines: this.#strangeLines,
      pathNames: this.#names.map((name) => decoder.decode(name)),
      path: Uint32Array.from(keys, (key) => key / 24_000),
      status: Uint32Array.from(keys, (key) => key % 1000),
      hour: Uint32Array.from(keys, (key) => key / 1000 % 24),
      requests: Float64Array.from(this.#requests),
      bytes: Float64Array.from(this.#bytes),
      times: this.#times,
    };
  }
}

/** Where the byte is, or one below `least`, as the end of a line is, or the end. */
function skipTo(log: Uint8Array, start: number, byte: number, least = SPACE): number {
  let at = start;
  while (at < log.length && log[at] !== byte && log[at]! >= least) at++;
  return at;
}

/** NaN if there is none, or anything but digits. */
function numberIn(log: Uint8Array, start: number, end: number): number {
  if (start >= end) return NaN;
  let number = 0;
  for (let at = start; at < end; at++) {
    const digit = log[at]! - ZERO;
    if (digit < 0 || digit > 9) return NaN;
    number = number * 10 + digit;
  }
  return number;
}

function isSame(name: Uint8Array, log: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== log[start + i]) return false;
  return true;
}
