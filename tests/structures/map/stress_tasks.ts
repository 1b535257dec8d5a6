/**
 * What the shards of stress.ts do: one changes maps, the others read them and look whether anything is torn,
 * out of date, or missing. Each value tells by itself whether it is whole, and when it was set.
 */
import { defineTasks } from "@tidepool/core";
import { f64, i64, string, struct, text } from "@tidepool/core/allocator";
import { sharedMap, StaleStructureError } from "@tidepool/core/structures";
import { SeededRandom } from "../../harness/seeded_random.ts";

const Record = struct("Record", { time: f64, twice: f64, label: string(16), minus: f64 });

const definitions = {
  texts: sharedMap("Texts", { key: text(), value: text() }),
  records: sharedMap("Records", { key: f64, value: Record }),
  times: sharedMap("Times", { key: text(), value: f64 }),
  halves: sharedMap("Halves", { key: f64, value: f64 }),
  wholes: sharedMap("Wholes", { key: i64, value: i64 }),
};

type Name = keyof typeof definitions;

/** Where the maps lie. */
export type Addresses = Record<Name, number>;

/** What a reader has met. */
export interface Readings {
  /** Values asked for, entries of iterations among them. */
  reads: number;
  /** Of them, those that were there. */
  found: number;
  /** Values that no `set()` has written. */
  torn: number;
  /** Values older than one that this reader had seen before. */
  backwards: number;
  /** Entries that were there all the time, and were met by an iteration not exactly once. */
  missed: number;
  /** Reads of maps that were closed meanwhile. */
  stale: number;
}

/** Two values that differ in every bit, so that any mixture of them is neither. */
const HALVES = new Float64Array(
  new BigUint64Array([0x3555_5555_5555_5555n, 0xcaaa_aaaa_aaaa_aaaan]).buffer,
);
const WHOLES = [0x5555_5555_5555_5555n, -0x5555_5555_5555_5556n] as const;

/** Keys below this are set once and never deleted. */
const LASTING = 100;

const names = Array.from({ length: 100_000 }, (_, i) => `key ${i} `.repeat(1 + (i % 3)));

function textOf(time: number): string {
  const middle = String.fromCharCode(0x21 + (time % 0x5e)).repeat(time % 61);
  // Some with two bytes a character.
  return `${time}:${middle}${time % 7 === 0 ? "\u2192" : ""}:${time}`;
}

function timeOfText(text: string): number {
  const time = Number(text.slice(0, text.indexOf(":")));
  return text === textOf(time) ? time : NaN;
}

function recordOf(time: number) {
  return { time, twice: time * 2, label: time.toString(36), minus: -time };
}

function timeOfRecord(record: { time: number; twice: number; label: string; minus: number }) {
  const { time, twice, label, minus } = record;
  return twice === time * 2 && minus === -time && label === time.toString(36) ? time : NaN;
}

/** The owner's side. */
class Writer {
  readonly maps = {
    texts: definitions.texts.make(),
    records: definitions.records.make(),
    times: definitions.times.make(),
    halves: definitions.halves.make(),
    wholes: definitions.wholes.make(),
  };
  readonly #random: SeededRandom;
  readonly #keys: number;
  /** What texts and records hold, by key: 0 for nothing. */
  #texts: Float64Array;
  #records: Float64Array;
  #time = 0;

  constructor(seed: number, keys: number) {
    this.#random = new SeededRandom(seed);
    this.#keys = keys;
    this.#texts = new Float64Array(keys);
    this.#records = new Float64Array(keys);
    this.#fillLasting();
  }

  #fillLasting(): void {
    for (let key = 0; key < LASTING; key++) this.#set(key);
  }

  #set(key: number): void {
    const time = ++this.#time;
    const { halves, records, texts, times, wholes } = this.maps;
    texts.set(names[key]!, textOf(time));
    records.set(key, recordOf(time));
    times.set(names[key]!, time);
    halves.set(key, HALVES[time & 1]!);
    wholes.set(BigInt(key), WHOLES[time & 1]!);
    this.#texts[key] = this.#records[key] = time;
  }

  /** Changes maps so many times. */
  write(count: number): void {
    const random = this.#random;
    const { halves, records, texts, times, wholes } = this.maps;
    for (let i = 0; i < count; i++) {
      const time = ++this.#time;
      const key = random.below(this.#keys);
      const kind = random.below(100);
      if (kind < 20) {
        halves.set(key, HALVES[time & 1]!);
      } else if (kind < 30) {
        wholes.set(BigInt(key), WHOLES[time & 1]!);
      } else if (kind < 45) {
        times.set(names[key]!, time);
      } else if (kind < 65 || key < LASTING) {
        texts.set(names[key]!, textOf(time));
        this.#texts[key] = time;
      } else if (kind < 77) {
        records.set(key, recordOf(time));
        this.#records[key] = time;
      } else if (kind < 81) {
        texts.delete(names[key]!);
        this.#texts[key] = 0;
      } else if (kind < 85) {
        records.delete(key);
        this.#records[key] = 0;
      } else {
        halves.delete(key);
        wholes.delete(BigInt(key));
        times.delete(names[key]!);
      }
    }
  }

  /** Closes the maps of texts and of records, and makes others. */
  renew(): void {
    this.maps.texts[Symbol.dispose]();
    this.maps.records[Symbol.dispose]();
    this.maps.texts = definitions.texts.make();
    this.maps.records = definitions.records.make();
    this.#texts = new Float64Array(this.#keys);
    this.#records = new Float64Array(this.#keys);
    this.#fillLasting();
  }

  addresses(): Addresses {
    return Object.fromEntries(
      Object.entries(this.maps).map(([name, map]) => [name, map.address]),
    ) as Addresses;
  }

  /** How many entries are not what was set last, or there though they were deleted. */
  wrong(): number {
    let wrong = 0;
    for (let key = 0; key < this.#keys; key++) {
      const text = this.maps.texts.get(names[key]!);
      if ((text === undefined ? 0 : timeOfText(text)) !== this.#texts[key]) wrong++;
      const record = this.maps.records.get(key);
      if ((record === undefined ? 0 : timeOfRecord(record)) !== this.#records[key]) wrong++;
    }
    const count = (times: Float64Array) => times.reduce((sum, time) => sum + (time > 0 ? 1 : 0), 0);
    wrong += Math.abs(this.maps.texts.size - count(this.#texts));
    return wrong + Math.abs(this.maps.records.size - count(this.#records));
  }

  close(): void {
    for (const map of Object.values(this.maps)) map[Symbol.dispose]();
  }
}

/** A reader's side. */
class Reader {
  readonly met: Readings = { reads: 0, found: 0, torn: 0, backwards: 0, missed: 0, stale: 0 };
  readonly #random: SeededRandom;
  readonly #keys: number;
  /** Of each map, the time of the last value that was seen, by key. */
  readonly #seen: Record<"texts" | "records" | "times", Float64Array>;
  #addresses: string | undefined;
  #readers!: { [Each in Name]: ReturnType<(typeof definitions)[Each]["reader"]> };

  constructor(seed: number, keys: number) {
    this.#random = new SeededRandom(seed);
    this.#keys = keys;
    this.#seen = {
      texts: new Float64Array(keys),
      records: new Float64Array(keys),
      times: new Float64Array(keys),
    };
  }

  /** Whether all maps could be opened: they may have been closed while their addresses were on their way. */
  #open(addresses: Addresses): boolean {
    if (JSON.stringify(addresses) === this.#addresses) return true;
    try {
      this.#readers = {
        texts: definitions.texts.reader(addresses.texts),
        records: definitions.records.reader(addresses.records),
        times: definitions.times.reader(addresses.times),
        halves: definitions.halves.reader(addresses.halves),
        wholes: definitions.wholes.reader(addresses.wholes),
      };
      this.#addresses = JSON.stringify(addresses);
      return true;
    } catch (error) {
      // A map of another definition may lie there by now, or none.
      if (!(error instanceof RangeError || error instanceof TypeError)) throw error;
      this.met.stale++;
      return false;
    }
  }

  /** @returns How many values it has read. */
  read(addresses: Addresses, count: number): number {
    const before = this.met.reads;
    if (!this.#open(addresses)) return 0;
    const end = before + count;
    while (this.met.reads < end) {
      try {
        this.#readOne();
      } catch (error) {
        if (!(error instanceof StaleStructureError)) throw error;
        this.met.stale++;
      }
    }
    return this.met.reads - before;
  }

  #readOne(): void {
    const { halves, records, texts, times, wholes } = this.#readers;
    const key = this.#random.below(this.#keys);
    const kind = this.#random.below(1000);
    this.met.reads++;
    if (kind < 400) {
      const value = halves.get(key);
      if (value === undefined) return;
      this.met.found++;
      if (value !== HALVES[0] && value !== HALVES[1]) this.met.torn++;
    } else if (kind < 500) {
      const value = wholes.get(BigInt(key));
      if (value === undefined) return;
      this.met.found++;
      if (value !== WHOLES[0] && value !== WHOLES[1]) this.met.torn++;
    } else if (kind < 700) {
      this.#note("times", key, times.get(names[key]!));
    } else if (kind < 850) {
      const text = texts.get(names[key]!);
      this.#note("texts", key, text === undefined ? undefined : timeOfText(text));
    } else if (kind < 920) {
      const record = records.get(key);
      this.#note("records", key, record === undefined ? undefined : timeOfRecord(record));
    } else if (kind < 999) {
      this.#note("records", key, records.read(key, timeOfRecord));
    } else if (key % 100 === 0) {
      this.#iterate();
    }
  }

  #iterate(): void {
    const lasting = new Uint8Array(LASTING);
    const met = new Set<number>();
    for (const [key, record] of this.#readers.records) {
      this.met.reads++;
      this.#note("records", key, timeOfRecord(record));
      if (key < LASTING) lasting[key]!++;
      if (met.has(key)) this.met.missed++;
      met.add(key);
    }
    this.met.missed += lasting.reduce((sum, times) => sum + (times === 1 ? 0 : 1), 0);
  }

  #note(map: "texts" | "records" | "times", key: number, time: number | undefined): void {
    if (time === undefined) {
      if (key < LASTING) this.met.missed++;
      return;
    }
    this.met.found++;
    const seen = this.#seen[map];
    if (!(time > 0 && Number.isInteger(time))) this.met.torn++;
    else if (time < seen[key]!) this.met.backwards++;
    else seen[key] = time;
  }
}

let writer: Writer;
let reader: Reader;

export const stressTasks = defineTasks(import.meta.url, {
  open: (seed: number, keys: number) => {
    writer = new Writer(seed, keys);
    return writer.addresses();
  },
  write: (count: number) => writer.write(count),
  renew: () => {
    writer.renew();
    return writer.addresses();
  },
  wrong: () => writer.wrong(),
  close: () => writer.close(),
  enter: (seed: number, keys: number) => void (reader = new Reader(seed, keys)),
  read: (addresses: Addresses, count: number) => reader.read(addresses, count),
  met: () => reader.met,
});
