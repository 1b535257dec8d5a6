/**
 * A run of the session store in which shards are killed all the time and every answer is checked. Each
 * connection has sessions of its own, so that it knows what they must hold.
 *
 * @module
 */

import { Runtime, type ServiceDefinition, ShardCrashedError } from "@tidepool/core";
import { serve } from "../../../examples/session_store/main.ts";
import { SeededRandom } from "../../harness/seeded_random.ts";
import { sabotageTasks } from "../memcached/sabotage_tasks.ts";
import { type CheckedStore, checkedStore } from "./checked_store.ts";
import { type Lives, ModelValue } from "./session_model.ts";

/** How to run. */
export interface RunSettings {
  readonly shards: number;
  readonly connections: number;
  readonly seconds: number;
  /** The time from one kill to the next. Each shard in turn. */
  readonly killEveryMs: number;
  readonly seed: number;
  /** The store, unless it is the one that notices early calls. */
  readonly definition?: ServiceDefinition<[number], CheckedStore>;
}

/** What happened in a run. */
export interface RunResult {
  requests: number;
  kills: number;
  /** Values that were there and are not, as their shard has died. */
  lost: number;
  /** Answers 503 to requests that were under way when their shard died. */
  refused: number;
  /** Pages of figures, and those of them that came while a shard was down. */
  pages: number;
  pagesOfSomeDown: number;
  /** What must not be. */
  readonly faults: string[];
}

const SESSIONS_OF_EACH = 4;
const NAMES = ["cart", "user"] as const;
const MAX_FAULTS = 10;

/** Runs the example's server. */
export async function verifiedRun(settings: RunSettings): Promise<RunResult> {
  const { shards, connections, seconds, seed, definition = checkedStore } = settings;
  await using runtime = await Runtime.start({
    shards,
    memory: shards * 2 ** 22,
    onCrash: "restart",
  });
  await using service = await runtime.startSharded(definition, 3600);
  await using server = serve(runtime, service, 0);
  const run = new Run(runtime, `http://127.0.0.1:${server.addr.port}`);
  const random = new SeededRandom(seed);
  const clients = Array.from({ length: connections }, (_, client) => {
    return run.ask(client, new SeededRandom(random.next()));
  });
  const page = run.readPages();
  await run.kill(settings, random);
  await Promise.all([...clients, page]);
  if (run.result.requests === 0) throw new Error(`No request in ${seconds} s`);
  return run.result;
}

/** One run, from its first request to its last. */
class Run {
  readonly result: RunResult = {
    requests: 0,
    kills: 0,
    lost: 0,
    refused: 0,
    pages: 0,
    pagesOfSomeDown: 0,
    faults: [],
  };
  readonly #runtime: Runtime;
  readonly #url: string;
  /** Of each shard: how often it was told to die, and how often the host has learned that it has. */
  readonly #orders: number[];
  readonly #deaths: number[];
  #hasEnded = false;

  constructor(runtime: Runtime, url: string) {
    this.#runtime = runtime;
    this.#url = url;
    this.#orders = new Array(runtime.shardCount).fill(0);
    this.#deaths = new Array(runtime.shardCount).fill(0);
  }

  #isOver(): boolean {
    return this.#hasEnded || this.result.faults.length >= MAX_FAULTS;
  }

  /** Kills one shard after the other, in a random way; ends the run when its time is over. */
  async kill({ seconds, killEveryMs }: RunSettings, random: SeededRandom): Promise<void> {
    const end = performance.now() + seconds * 1000;
    try {
      for (let shard = 0; performance.now() < end && !this.#isOver(); this.result.kills++) {
        await new Promise((resolve) => setTimeout(resolve, killEveryMs)); // the pace of the run
        await this.#runtime.whenUp(shard);
        this.#orders[shard]!++;
        const how = random.below(2) === 0 ? "throw" : "close";
        await this.#runtime.submitTo(shard, sabotageTasks.crash, how).catch((error: unknown) => {
          if (!(error instanceof ShardCrashedError)) throw error;
        });
        this.#deaths[shard]!++;
        shard = (shard + 1) % this.#runtime.shardCount;
      }
    } finally {
      this.#hasEnded = true;
    }
  }

  /** One connection: random requests, one after the other. */
  async ask(client: number, random: SeededRandom): Promise<void> {
    using http = Deno.createHttpClient({ poolMaxIdlePerHost: 1 });
    const sessions = Array.from({ length: SESSIONS_OF_EACH }, (_, session) => ({
      id: `client-${client}-session-${session}`,
      values: new Map(NAMES.map((name) => [name, new ModelValue()] as const)),
    }));
    for (let n = 0; !this.#isOver(); n++) {
      const { id, values } = sessions[random.below(SESSIONS_OF_EACH)]!;
      const name = NAMES[random.below(NAMES.length)]!;
      const value = values.get(name)!;
      const way = random.below(100);
      if (way < 50) {
        const { status, text, lives } = await this.#request(http, "GET", id, name);
        if (status === undefined) continue;
        try {
          if (value.read(status === 200 ? text : undefined, lives)) this.result.lost++;
        } catch (error) {
          this.#fail(`${id}/${name}: ${error}`);
        }
      } else if (way < 90) {
        const written = `${n} of ${id}`;
        const { status, lives } = await this.#request(http, "PUT", id, name, written);
        if (status === 404) this.#fail(`${id}/${name}: PUT was answered 404`);
        if (status === undefined) value.mayHaveBecome(written, lives);
        else value.became(written, lives);
      } else if (way < 97) {
        const { status, lives } = await this.#request(http, "DELETE", id, name);
        if (status === undefined) value.mayHaveBecome(undefined, lives);
        else value.became(undefined, lives);
      } else {
        const { status, lives } = await this.#request(http, "POST", id, "?seconds=0");
        for (const each of values.values()) {
          if (status === undefined) each.mayHaveBecome(undefined, lives);
          else each.became(undefined, lives);
        }
      }
    }
  }

  /** The status is undefined if the request was under way when the shard died. */
  async #request(
    client: Deno.HttpClient,
    method: string,
    id: string,
    rest: string,
    body: string | null = null,
  ): Promise<{ status: number | undefined; text: string; lives: Lives }> {
    const shard = this.#runtime.shardOf(id);
    const first = this.#runtime.shards[shard]!.epoch;
    const deathsBefore = this.#deaths[shard]!;
    const response = await fetch(`${this.#url}/${id}/${rest}`, { client, method, body });
    const text = await response.text();
    const lives = { first, last: this.#runtime.shards[shard]!.epoch };
    this.result.requests++;
    const { status } = response;
    if ([200, 204, 404].includes(status)) return { status, text, lives };
    const wasUnderWay = this.#orders[shard]! > deathsBefore;
    if (status === 503 && text.startsWith("ShardCrashedError: ") && wasUnderWay) {
      this.result.refused++;
    } else this.#fail(`${method} ${id} was answered ${status} ${text}`);
    return { status: undefined, text, lives };
  }

  /** Reads the page of figures all the time. */
  async readPages(): Promise<void> {
    while (!this.#isOver()) {
      const response = await fetch(`${this.#url}/metrics`);
      const page = await response.text();
      const up = [...page.matchAll(/^session_store_up\{shard="\d+"\} ([01])$/gm)].map(([, is]) =>
        is
      );
      if (response.status !== 200 || up.length !== this.#runtime.shardCount) {
        this.#fail(`/metrics was answered ${response.status} ${page}`);
      }
      this.result.pages++;
      if (up.includes("0")) this.result.pagesOfSomeDown++;
    }
  }

  #fail(fault: string): void {
    this.result.faults.push(fault);
  }
}
