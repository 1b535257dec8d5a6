// deno-lint-ignore-file no-console -- a program run by a test
/**
 * Plays the cells of the crash matrix for the endings given, `program.ts ENDING[:MOMENT]…`, and prints
 * what came of each as a line of JSON. Nothing ends it but itself: whatever a cell leaves behind that keeps a
 * process alive makes the test fail.
 */
import { defineTasks, Runtime } from "@tidepool/core";
import { workerThreads } from "../../../harness/worker_threads.ts";
import { probeTasks } from "../../../foreign/probe_tasks.ts";
import { type Death, dyingService, dyingTasks, VICTIM, type When } from "./dying_tasks.ts";
import {
  type CellReport,
  type Ending,
  type Moment,
  MOMENTS,
  POLICIES,
  type Policy,
} from "./table.ts";

const OTHER = 1 - VICTIM;
/** Only to report a hang instead of hanging. */
const HANG_MS = 30_000;
const WATCHDOG_MS = 500;

const unloadable = defineTasks(new URL("./throws_when_loaded.ts", import.meta.url).href, {
  run: (): void => {},
});

/** One cell: a runtime, and the promises that must settle. */
class Cell {
  readonly runtime: Runtime;
  readonly policy: Policy;
  readonly #ending: Ending;
  readonly #restarts: readonly PromiseWithResolvers<void>[];
  readonly #settled: [string, Promise<string>][] = [];

  private constructor(
    ending: Ending,
    policy: Policy,
    runtime: Runtime,
    restarts: PromiseWithResolvers<void>[],
  ) {
    this.#ending = ending;
    this.policy = policy;
    this.runtime = runtime;
    this.#restarts = restarts;
  }

  static async start(ending: Ending, moment: Moment, policy: Policy): Promise<Cell> {
    const restarts = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const runtime = await Runtime.start({
      shards: 2,
      memory: "16MiB",
      onCrash: policy,
      onRestart: (shard) => restarts[shard]!.resolve(),
      onWarning: () => {}, // pointers into a shard that died are lost
      ...moment === "queued" ? { ringSlots: 2 } : {},
      ...ending === "loop" ? { watchdogMs: WATCHDOG_MS } : {},
    });
    return new Cell(ending, policy, runtime, restarts);
  }

  /** Makes the victim die while it serves a call: the call. */
  die(): Promise<unknown> {
    const { runtime } = this;
    if (this.#ending === "import") return runtime.submitTo(VICTIM, unloadable.run);
    if (this.#ending !== "abort") return runtime.submitTo(VICTIM, dyingTasks.die, this.#ending);
    const call = runtime.submitTo(VICTIM, dyingTasks.never);
    runtime.abort();
    return call;
  }

  /** The death, where the moment needs a task or a service for it. */
  get death(): Death {
    return this.#ending as Death;
  }

  /** Starts a service whose instance on the victim dies then. */
  startDying(when: When) {
    const lives = this.runtime["endpoint"].allocator.calloc(1, 4);
    return this.runtime.startSharded(dyingService, this.death, when, lives);
  }

  restarted(shard: number): Promise<void> {
    return this.#restarts[shard]!.promise;
  }

  /** Has `promise` awaited at the end under that name. */
  watch(name: string, promise: Promise<unknown>): Promise<string> {
    const outcome = outcomeOf(promise);
    this.#settled.push([name, outcome]);
    return outcome;
  }

  async outcomes(): Promise<Record<string, string>> {
    const outcomes: Record<string, string> = {};
    for (const [name, outcome] of this.#settled) outcomes[name] = await outcome;
    return outcomes;
  }
}

/** What each moment sets up before the death, and around it. */
const PLAYS: Record<Moment, (cell: Cell) => Promise<void> | void> = {
  async idle(cell) {
    if (cell.death as Ending === "abort") return cell.runtime.abort();
    await cell.runtime.submitTo(VICTIM, dyingTasks.dieLater, cell.death);
    const noticed = cell.runtime.submitTo(VICTIM, dyingTasks.never);
    cell.watch("next", noticed); // sent to a shard that may be dead by now
  },
  serving(cell) {
    cell.watch("dying", cell.die());
  },
  queued(cell) {
    cell.watch("dying", cell.die());
    for (let i = 0; i < 3; i++) {
      cell.watch(`queued ${i}`, cell.runtime.submitTo(VICTIM, dyingTasks.add, i, i));
    }
  },
  calling(cell) {
    cell.watch("caller", cell.runtime.submitTo(VICTIM, dyingTasks.callOut, OTHER));
    cell.watch("dying", cell.die());
  },
  async holding(cell) {
    const { runtime } = cell;
    const held = await runtime.submitTo(OTHER, probeTasks.open, "held by the victim");
    await runtime.submitTo(VICTIM, probeTasks.keep, held);
    const home = await runtime.submitTo(VICTIM, probeTasks.open, "at home on the victim");
    const copied = await runtime.submitTo(VICTIM, probeTasks.openShared, "copied");
    cell.watch("dying", cell.die());
    cell.watch("copy", copied.copy().then((copy) => copy[Symbol.dispose]()));
    await cell.watch("invoke", home.invoke("where"));
    home[Symbol.dispose]();
    copied[Symbol.dispose]();
  },
  stopping(cell) {
    if (cell.death as Ending === "abort") {
      cell.watch("dying", cell.runtime.submitTo(VICTIM, dyingTasks.never));
      cell.watch("stop", cell.runtime.stop());
      return cell.runtime.abort();
    }
    if (cell.death as Ending === "import") cell.watch("dying", cell.die());
    else {
      const dying = cell.runtime.submitTo(VICTIM, dyingTasks.dieAfterTurns, cell.death, 3);
      cell.watch("dying", dying);
    }
    cell.watch("stop", cell.runtime.stop());
  },
  "other restarting"(cell) {
    cell.watch("other dying", cell.runtime.submitTo(OTHER, dyingTasks.die, "throw"));
    cell.watch("dying", cell.die());
  },
  "many calls"(cell) {
    const { runtime } = cell;
    const numbers = Array.from({ length: 500 }, (_, n) => n);
    const options = { inFlight: 50 };
    const drain = async () => {
      for await (const _ of runtime.pipeline(VICTIM, numbers, dyingTasks.twice, options));
    };
    cell.watch("dying", cell.die());
    cell.watch("map", runtime.map(dyingTasks.add, 1, 2));
    cell.watch("mapSettled", runtime.mapSettled(dyingTasks.add, 1, 2));
    cell.watch("mapLimit", runtime.mapLimit(VICTIM, numbers, dyingTasks.twice, options));
    cell.watch("pipeline", drain());
  },
  async "service start"(cell) {
    const started = cell.startDying("start");
    cell.watch("start", started);
    const service = await started.catch(() => undefined);
    if (service !== undefined) await cell.watch("invoke", service.invokeOn(VICTIM, "shard"));
    // It may have answered all of that before it died.
    if (cell.policy !== "restart") await outcomeOf(cell.runtime.closed);
  },
  async "service stop"(cell) {
    const service = await cell.startDying("stop");
    cell.watch("service stop", service.stop());
  },
  async "service back"(cell) {
    const service = await cell.startDying("back");
    await cell.watch("dying", cell.die());
    cell.watch("invoke, back", service.invokeOn(VICTIM, "shard"));
    await cell.watch("whenUp", cell.runtime.whenUp(VICTIM));
    if (cell.policy === "restart") cell.watch("invoke", service.invokeOn(VICTIM, "shard"));
  },
};

async function play(ending: Ending, moment: Moment, policy: Policy): Promise<CellReport> {
  const cell = await Cell.start(ending, moment, policy);
  const { runtime } = cell;
  await PLAYS[moment](cell);
  const outcomes = await cell.outcomes();
  if (moment !== "stopping") {
    const dies = ending !== "import" && ending !== "abort";
    if (policy === "restart" && dies) await outcomeOf(cell.restarted(VICTIM));
    if (policy === "restart" && moment === "other restarting" && ending !== "abort") {
      await outcomeOf(cell.restarted(OTHER));
    }
    outcomes["later, victim"] = await outcomeOf(runtime.submitTo(VICTIM, dyingTasks.add, 1, 2));
    outcomes["later, other"] = await outcomeOf(runtime.submitTo(OTHER, dyingTasks.add, 1, 2));
    outcomes["stop"] = await outcomeOf(runtime.stop());
  }
  outcomes["after stop"] = await outcomeOf(runtime.submitTo(OTHER, dyingTasks.add, 1, 2));
  outcomes["closed"] = await outcomeOf(runtime.closed);
  return { ending, moment, policy, outcomes };
}

/** How a promise settles, in words; "hang" if it does not. */
async function outcomeOf(promise: Promise<unknown>): Promise<string> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const hang = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve("hang"), HANG_MS);
  });
  const outcome = promise.then(() => "ok", (error: Error) => `${error.name}: ${error.message}`);
  try {
    return await Promise.race([outcome, hang]);
  } finally {
    clearTimeout(timer);
  }
}

async function main(endings: readonly string[]): Promise<void> {
  for (const [ending, only] of endings.map((text) => text.split(":") as [Ending, Moment?])) {
    for (const [moment, leftOut] of Object.entries(MOMENTS) as [Moment, readonly Ending[]][]) {
      if (leftOut.includes(ending) || moment !== (only ?? moment)) continue;
      for (const policy of POLICIES) {
        console.log(JSON.stringify(await play(ending, moment, policy)));
      }
    }
  }
  await workerThreads.ended(0);
}

if (import.meta.main) await main(Deno.args);
