/**
 * Which places of the program hold the memory, by sampling: on average one in so many bytes is
 * looked at. The distance between samples is drawn from the exponential distribution, as in Seastar's
 * `util/sampler.hh` and V8's `SamplingHeapProfiler`, so that no pattern in the requests can hide from
 * it. A block is forgotten when it is freed, so the profile is of what is live.
 *
 * A sample stands for more than itself. As in V8, a block of `s` bytes sampled once in `r` bytes had
 * the chance `p = 1 - exp(-s / r)` to be met, and counts for `1 / p` blocks of its size: the sum is
 * right on average for small and large blocks alike (Seastar counts `max(s, r)` bytes, which is a
 * little less). The weight is fixed when the sample is taken. So the rate may be changed while there
 * are samples, and what is freed takes away exactly what it had added.
 *
 * @module
 */
import type { Allocator, Instrument } from "../malloc/mod.ts";
import { type CallFrame, CallStack } from "../debug_heap/mod.ts";
import { type V8HeapProfile, v8HeapProfile } from "./heap_profile_format.ts";

/** As in V8: one sample for half a MiB. */
const DEFAULT_SAMPLE_BYTES = 524288;
/** As in Seastar. */
const DEFAULT_MAX_SITES = 1000;

/** How a heap profile samples. */
export interface HeapProfileOptions {
  /** Bytes allocated for each sample, on average; 524,288 unless given. 1 samples every block. */
  readonly sampleBytes?: number;
  /** Places that are told apart; 1,000 unless given. Samples from further ones are dropped. */
  readonly maxSites?: number;
  /** A number from 0 up to 1 at each call, as `Math.random` gives. For tests that repeat. */
  readonly random?: () => number;
}

/** A place of the program, and the live memory that was asked for there. */
export interface HeapProfileSite {
  /** The calls that led there, innermost first. */
  readonly stack: readonly CallFrame[];
  /** The same as text, a line for each. */
  readonly text: string;
  /** Live blocks that were sampled there. */
  readonly samples: number;
  /** Bytes that these are taken to stand for. */
  readonly bytes: number;
  /** Blocks that these are taken to stand for. */
  readonly blocks: number;
}

/** What is known of a place while samples of it live. */
interface Site {
  readonly stack: CallStack;
  samples: number;
  bytes: number;
  blocks: number;
}

/** What a sampled block counts for. */
interface Sample {
  readonly site: Site;
  readonly bytes: number;
  readonly blocks: number;
}

/**
 * A sampled profile of the live blocks of one allocator, by the place that asked for them. It sees
 * what is allocated from when it is made to when it is disposed of.
 *
 * @example
 * ```ts
 * import { Allocator } from "@tidepool/core/allocator";
 * import { HeapProfile } from "@tidepool/core/diagnosis";
 * import { assertEquals } from "@std/assert";
 *
 * const segment = new SharedArrayBuffer(1 << 20);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 1 << 20 }], 0);
 * using profile = new HeapProfile(allocator, { sampleBytes: 1 });
 * for (let i = 0; i < 10; i++) allocator.malloc(100);
 * const [site] = profile.sites();
 * assertEquals([site?.samples, site?.bytes], [10, 1000]);
 * // Deno.writeTextFileSync("live.heapprofile", JSON.stringify(profile.toV8HeapProfile()));
 * ```
 */
export class HeapProfile {
  readonly #watch: Disposable;
  readonly #random: () => number;
  readonly #maxSites: number;
  readonly #sites = new Map<string, Site>();
  readonly #samples = new Map<number, Sample>();
  #sampleBytes = 0;
  #bytesToNext = Infinity;
  #droppedSamples = 0;
  #ended = false;

  /**
   * Begins to sample.
   *
   * @param allocator whose blocks are sampled
   * @param options how often, and how much is kept
   * @throws {RangeError} if `sampleBytes` or `maxSites` is negative or no whole number
   */
  constructor(allocator: Allocator, options: HeapProfileOptions = {}) {
    this.#random = options.random ?? Math.random;
    this.#maxSites = options.maxSites ?? DEFAULT_MAX_SITES;
    checkWhole(this.#maxSites, "sites kept");
    this.sampleBytes = options.sampleBytes ?? DEFAULT_SAMPLE_BYTES;
    const instrument: Instrument = {
      quietBytes: -1,
      seesFrees: true,
      allocated: (address, byteLength) => this.#allocated(address, byteLength),
      resized: (address, byteLength) => {
        this.#freeing(address);
        this.#allocated(address, byteLength);
      },
      freeing: (address) => this.#freeing(address),
    };
    this.#watch = allocator.watch(instrument);
  }

  /** Bytes allocated for each sample, on average; 0 while none are taken. */
  get sampleBytes(): number {
    return this.#sampleBytes;
  }

  /** May be changed at any time; samples that live keep what they stood for when they were taken. */
  set sampleBytes(byteLength: number) {
    checkWhole(byteLength, "bytes for each sample");
    this.#sampleBytes = byteLength;
    this.#bytesToNext = this.#distance();
  }

  /** Live blocks that were sampled. */
  get sampledBlocks(): number {
    return this.#samples.size;
  }

  /** Samples that were not kept as there were as many sites as may be. */
  get droppedSamples(): number {
    return this.#droppedSamples;
  }

  /**
   * The places that hold memory, the one with the most bytes first.
   *
   * @returns one entry for each place with live samples
   */
  sites(): HeapProfileSite[] {
    const sites = Array.from(this.#sites.values(), ({ stack, samples, bytes, blocks }) => ({
      stack: stack.frames,
      text: stack.text,
      samples,
      bytes,
      blocks,
    }));
    return sites.sort((a, b) => b.bytes - a.bytes);
  }

  /**
   * The profile in V8's format: written as JSON to a file named `*.heapprofile`, it can be opened in
   * the Memory panel of Chrome's developer tools, and in other programs that know V8's profiles.
   *
   * @returns the profile; bytes are those that the samples stand for
   */
  toV8HeapProfile(): V8HeapProfile {
    return v8HeapProfile(this.sites());
  }

  /** Ends sampling. What was sampled stays readable, and is no longer kept up to date. */
  [Symbol.dispose](): void {
    if (!this.#ended) this.#watch[Symbol.dispose]();
    this.#ended = true;
  }

  #allocated(address: number, byteLength: number): void {
    // A block of no bytes takes memory all the same.
    const length = Math.max(1, byteLength);
    this.#bytesToNext -= length;
    if (this.#bytesToNext > 0) return;
    // The distribution has no memory, so what the block went past the mark by need not be made up.
    this.#bytesToNext = this.#distance();
    const stack = new CallStack();
    let site = this.#sites.get(stack.text);
    if (site === undefined) {
      if (this.#sites.size >= this.#maxSites) {
        this.#droppedSamples++;
        return;
      }
      site = { stack, samples: 0, bytes: 0, blocks: 0 };
      this.#sites.set(stack.text, site);
    }
    // Whole numbers, so that what is added is what is taken away.
    const chance = this.#sampleBytes <= 1 ? 1 : -Math.expm1(-length / this.#sampleBytes);
    const bytes = Math.round(byteLength / chance);
    const blocks = Math.round(1 / chance);
    this.#samples.set(address, { site, bytes, blocks });
    site.samples++;
    site.bytes += bytes;
    site.blocks += blocks;
  }

  #freeing(address: number): void {
    const sample = this.#samples.get(address);
    if (sample === undefined) return;
    this.#samples.delete(address);
    const { site } = sample;
    site.samples--;
    site.bytes -= sample.bytes;
    site.blocks -= sample.blocks;
    if (site.samples === 0) this.#sites.delete(site.stack.text);
  }

  /** Bytes from one sample to the next. */
  #distance(): number {
    if (this.#sampleBytes === 0) return Infinity;
    if (this.#sampleBytes === 1) return 0;
    // 1 - random is never 0, whose logarithm is not a number of bytes.
    return -Math.log(1 - this.#random()) * this.#sampleBytes;
  }
}

function checkWhole(value: number, unit: string): void {
  if (typeof value !== "number") {
    throw new TypeError(`Cannot profile with ${String(value)} ${unit}: expected a number`);
  }
  if (!(Number.isSafeInteger(value) && value >= 0)) {
    throw new RangeError(
      `Cannot profile with ${value} ${unit}: expected a whole number, 0 or more`,
    );
  }
}
