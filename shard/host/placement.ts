/**
 * Where the shards of a runtime lie: asks the machine, has memory and threads placed, and says what the
 * kernel says of it. Loaded for the option `placement` alone.
 *
 * @module
 */

import { type Libc, type OpenedLibc, openLibc } from "../machine/mod.ts";
import {
  pinThread,
  placeMemory,
  planPlacement,
  readMemory,
  readThread,
  readTopology,
  type ShardPlan,
  type ThreadPlace,
  type ThreadPlan,
} from "../placement/mod.ts";
import type { SegmentLayout } from "../calls/mod.ts";
import { nowhere, type PlacementOptions, type ShardPlacement } from "./placement_options.ts";

const TRANSPARENT_HUGE_PAGES = "/sys/kernel/mm/transparent_hugepage/enabled";

/** The places of a runtime's endpoints. */
export class Placement {
  readonly #libc: Libc | undefined;
  readonly #layout: SegmentLayout;
  readonly #address: number;
  readonly #options: PlacementOptions;
  readonly #plans: readonly ShardPlan[];
  /** By endpoint. */
  readonly #problems: string[][];
  /** By endpoint, the number of its thread; undefined if it could not ask. */
  readonly #threads: (number | undefined)[] = [];
  /** By shard, what its thread had to say of its latest life. */
  readonly #threadProblems: (readonly string[])[] = [];
  readonly #warn: (warning: Error) => void;
  /** Where the host might run before it was pinned; undefined if it is not. */
  #hostCpusBefore: readonly number[] | undefined;

  /**
   * Places the memory of `buffer`, which nothing may have touched yet.
   *
   * @param warn Told of what the kernel refuses.
   */
  constructor(
    options: PlacementOptions,
    layout: SegmentLayout,
    buffer: SharedArrayBuffer,
    warn: (warning: Error) => void,
    { libc, whyNot }: OpenedLibc = openLibc(),
  ) {
    this.#libc = libc;
    this.#layout = layout;
    this.#options = options;
    this.#warn = warn;
    this.#problems = Array.from({ length: layout.endpointCount }, () => []);
    if (libc === undefined) {
      this.#address = 0;
      this.#plans = [];
      for (const problems of this.#problems) problems.push(`nothing was placed: ${whyNot}`);
      return;
    }
    this.#address = libc.addressOf(buffer);
    this.#threads[layout.host] = libc.threadId();
    this.#plans = this.#plan(libc);
    this.#plans.forEach(({ problems }, shard) => this.#problems[shard]!.push(...problems));
    this.#placeMemory(libc);
  }

  #plan(libc: Libc): ShardPlan[] {
    const { pin = false, numa = false } = this.#options;
    const nodes = readTopology((path) => libc.readText(path).value);
    return planPlacement({
      pin,
      numa,
      sliceBytes: this.#layout.shape.sliceBytes,
      nodes,
      allowedCpus: libc.affinity(0).value ?? [],
      allowedNodes: libc.allowedNodes().value ?? nodes.map(({ id }) => id),
      cores: navigator.hardwareConcurrency,
    });
  }

  #placeMemory(libc: Libc): void {
    const { hugePages = false, lock = false } = this.#options;
    const refused = new Map<string, number[]>();
    this.#problems.forEach((problems, endpoint) => {
      const [begin, end] = this.#rangeOf(endpoint);
      const isShard = endpoint < this.#layout.host;
      const refusals = placeMemory(libc, this.#address + begin, end - begin, {
        parts: this.#plans[endpoint]?.memory ?? [],
        hugePages: hugePages && isShard,
        lock,
      });
      problems.push(...refusals);
      for (const refusal of refusals) {
        refused.set(refusal, [...refused.get(refusal) ?? [], endpoint]);
      }
    });
    for (const [refusal, endpoints] of refused) this.#warnOf(endpoints, refusal);
    if (hugePages && libc.readText(TRANSPARENT_HUGE_PAGES).value?.includes("[never]")) {
      const problem = `no huge pages: write madvise to ${TRANSPARENT_HUGE_PAGES}`;
      for (const problems of this.#problems.slice(0, this.#layout.host)) problems.push(problem);
    }
  }

  /** The part of the segment that is an endpoint's: its slice, and for the host all that is in no slice. */
  #rangeOf(endpoint: number): [begin: number, end: number] {
    const { byteOffset, byteLength } = this.#layout.slices[endpoint]!;
    return [endpoint === this.#layout.host ? 0 : byteOffset, byteOffset + byteLength];
  }

  /** What the thread of `shard` is to do before it touches its slice; undefined if nothing can be done. */
  threadPlan(shard: number): ThreadPlan | undefined {
    const plan = this.#plans[shard];
    if (plan === undefined) return undefined;
    const { cpus } = plan;
    return this.#options.prefault ? { cpus, prefault: this.#rangeOf(shard) } : { cpus };
  }

  /** What came of it; `endpoint` may be the host. */
  placed(endpoint: number, { threadId, problems }: ThreadPlace): void {
    this.#threads[endpoint] = threadId;
    this.#threadProblems[endpoint] = problems;
    for (const problem of problems) this.#warnOf([endpoint], problem);
  }

  /** Pins this thread, the host's, if it was asked for: last, as the threads of shards would inherit it. */
  pinHost(): void {
    const libc = this.#libc;
    const { pin } = this.#options;
    const cpu = typeof pin === "object" ? pin[this.#layout.host] : undefined;
    if (libc === undefined || cpu === undefined) return;
    const before = libc.affinity(0).value;
    const problems = pinThread(libc, [cpu]);
    this.placed(this.#layout.host, { threadId: libc.threadId(), problems });
    if (problems.length === 0) this.#hostCpusBefore = before;
  }

  /** Lets the host's thread, which outlives the runtime, run where it might before. */
  releaseHost(): void {
    const cpus = this.#hostCpusBefore;
    this.#hostCpusBefore = undefined;
    if (cpus !== undefined) this.#libc!.pin(cpus); // refused only if the system took all of these away
  }

  #warnOf(endpoints: readonly number[], problem: string): void {
    const names = endpoints.map((each) =>
      each === this.#layout.host ? "the host" : `shard ${each}`
    );
    this.#warn(new Error(`${problem} (placement of ${names.join(", ")})`));
  }

  /** What the kernel says of an endpoint. */
  read(endpoint: number): ShardPlacement {
    const problems = [...this.#problems[endpoint]!, ...this.#threadProblems[endpoint] ?? []];
    const libc = this.#libc;
    if (libc === undefined) return nowhere(problems);
    const [begin, end] = this.#rangeOf(endpoint);
    const threadId = this.#threads[endpoint];
    return {
      ...nowhere(problems),
      ...threadId === undefined ? {} : readThread(libc, threadId),
      ...readMemory(libc, this.#address + begin, end - begin),
    };
  }
}
