/**
 * Counts the lines of a web server's log, as bytes: text is made of a path once, when it is first seen.
 * Knows nothing of shards.
 *
 * A line is of the common log format: `HOST - USER [TIME] "METHOD PATH PROTOCOL" STATUS BYTES`.
 *
 * @module
 */

/** What is known of one path. */
export interface PathCounts {
  readonly requests: number;
  readonly bytes: number;
}

/** What is known of some lines. */
export interface LogSummary {
  readonly lines: number;
  /** Lines that are of another format. */
  readonly strangeLines: number;
  /** How often each status occurs. */
  readonly statuses: Map<number, number>;
  readonly paths: Map<string, PathCounts>;
}

const LINE_FEED = 0x0a;
const SPACE = 0x20;
const QUOTE = 0x22;
const ZERO = 0x30;
/** Slots of the table at first; at most half of them are used. */
const FIRST_SLOTS = 1024;

/** Counts of any number of lines. */
export class LogCounts {
  #lines = 0;
  #strangeLines = 0;
  readonly #statuses = new Float64Array(1000);
  /** Number of a path plus 1, by the hash of its bytes; 0 in a free slot. */
  #slots = new Int32Array(FIRST_SLOTS);
  readonly #hashes: number[] = [];
  readonly #names: Uint8Array[] = [];
  readonly #requests: number[] = [];
  readonly #bytes: number[] = [];

  /** Counts whole lines. @returns how many there were */
  add(log: Uint8Array): number {
    const before = this.#lines;
    for (let at = 0; at < log.length;) {
      // One loop over every byte in place of a search for each end: what is found on the way is counted.
      const end = this.#addLine(log, at);
      at = end + 1;
      this.#lines++;
    }
    return this.#lines - before;
  }

  /** @returns where the line ends */
  #addLine(log: Uint8Array, start: number): number {
    const { length } = log;
    let at = start;
    while (at < length && log[at] !== QUOTE && log[at] !== LINE_FEED) at++;
    while (at < length && log[at] !== SPACE && log[at] !== LINE_FEED) at++; // the method
    const path = ++at;
    let hash = 0;
    for (; at < length && log[at]! > SPACE; at++) hash = (Math.imul(hash, 31) + log[at]!) | 0;
    const pathEnd = at;
    while (at < length && log[at] !== QUOTE && log[at] !== LINE_FEED) at++; // the protocol
    const isSpaced = log[at + 1] === SPACE; // else the line ends in between
    at += 2;
    let status = 0;
    for (let digit = log[at]! - ZERO; digit >= 0 && digit <= 9; digit = log[++at]! - ZERO) {
      status = status * 10 + digit;
    }
    const isSpacedAgain = log[at] === SPACE;
    let bytes = 0;
    const bytesStart = ++at;
    for (let digit = log[at]! - ZERO; digit >= 0 && digit <= 9; digit = log[++at]! - ZERO) {
      bytes = bytes * 10 + digit;
    }
    const isDash = at === bytesStart && log[at] === 0x2d; // no answer had a body
    const isLine = isSpaced && isSpacedAgain && status >= 100 && status < 1000 &&
      (at > bytesStart || isDash);
    if (!isLine || pathEnd === path || at > length) {
      this.#strangeLines++;
      const end = log.indexOf(LINE_FEED, start);
      return end < 0 ? length : end;
    }
    this.#statuses[status]!++;
    const number = this.#numberOf(log, path, pathEnd, hash);
    this.#requests[number]!++;
    this.#bytes[number]! += bytes;
    while (at < length && log[at] !== LINE_FEED) at++;
    return at;
  }

  #numberOf(log: Uint8Array, start: number, end: number, hash: number): number {
    let slot = this.#slotOf(hash);
    for (let found = this.#slots[slot]!; found !== 0; found = this.#slots[slot]!) {
      if (this.#hashes[found - 1] === hash && isSame(this.#names[found - 1]!, log, start, end)) {
        return found - 1;
      }
      slot = (slot + 1) & (this.#slots.length - 1);
    }
    const number = this.#names.push(log.slice(start, end)) - 1;
    this.#hashes.push(hash);
    this.#requests.push(0);
    this.#bytes.push(0);
    this.#slots[slot] = number + 1;
    if (this.#names.length * 2 > this.#slots.length) this.#grow();
    return number;
  }

  #slotOf(hash: number): number {
    return (hash ^ (hash >>> 15)) & (this.#slots.length - 1);
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 2);
    for (const [number, hash] of this.#hashes.entries()) {
      let slot = this.#slotOf(hash);
      while (this.#slots[slot] !== 0) slot = (slot + 1) & (this.#slots.length - 1);
      this.#slots[slot] = number + 1;
    }
  }

  /** All that was counted. */
  summary(): LogSummary {
    const decoder = new TextDecoder();
    const statuses = new Map<number, number>();
    this.#statuses.forEach((count, status) => count > 0 && statuses.set(status, count));
    const paths = new Map(this.#names.map((name, number) => {
      const counts = { requests: this.#requests[number]!, bytes: this.#bytes[number]! };
      return [decoder.decode(name), counts];
    }));
    return { lines: this.#lines, strangeLines: this.#strangeLines, statuses, paths };
  }
}

function isSame(name: Uint8Array, log: Uint8Array, start: number, end: number): boolean {
  if (name.length !== end - start) return false;
  for (let i = 0; i < name.length; i++) if (name[i] !== log[start + i]) return false;
  return true;
}

/** Of the lines of both. */
export function sumOf(a: LogSummary, b: LogSummary): LogSummary {
  const statuses = new Map(a.statuses);
  for (const [status, count] of b.statuses) {
    statuses.set(status, (statuses.get(status) ?? 0) + count);
  }
  const paths = new Map(a.paths);
  for (const [path, { requests, bytes }] of b.paths) {
    const known = paths.get(path) ?? { requests: 0, bytes: 0 };
    paths.set(path, { requests: known.requests + requests, bytes: known.bytes + bytes });
  }
  return {
    lines: a.lines + b.lines,
    strangeLines: a.strangeLines + b.strangeLines,
    statuses,
    paths,
  };
}
