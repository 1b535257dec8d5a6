/**
 * The crash matrix: each way for a shard to end, at each moment, under each policy, and what must come
 * of every promise. docs/failure.md tells the same to readers.
 */
import type { Death } from "./dying_tasks.ts";

/** A death, the end of the whole runtime, or a module that does not load, of which nobody dies. */
export type Ending = Death | "abort" | "import";
/** What a crash means: see `RuntimeOptions.onCrash`. */
export type Policy = "fail" | "keep" | "restart";
/** What the shard is in the middle of. */
export type Moment =
  | "idle"
  | "serving"
  | "queued"
  | "calling"
  | "holding"
  | "stopping"
  | "other restarting"
  | "many calls"
  | "service start"
  | "service stop"
  | "service back";

/** What came of one cell. */
export interface CellReport {
  readonly ending: Ending;
  readonly moment: Moment;
  readonly policy: Policy;
  /** By promise: "ok", or the error's name and message. */
  readonly outcomes: Record<string, string>;
}

export const ENDINGS: readonly Ending[] = [
  "throw",
  "reject",
  "close",
  "exit",
  "loop",
  "memory",
  "abort",
  "import",
];
export const POLICIES: readonly Policy[] = ["fail", "keep", "restart"];

/** The moments, each with the endings that make no sense there. */
export const MOMENTS: Record<Moment, readonly Ending[]> = {
  idle: ["import"],
  serving: [],
  queued: [],
  calling: ["import"],
  holding: [],
  stopping: [],
  "other restarting": [],
  "many calls": [],
  "service start": ["abort", "import"],
  "service stop": ["abort", "import"],
  "service back": ["abort", "import"],
};

/** What each death is told as, to everybody who had to do with the shard; beginnings of texts. */
const CAUSES: Record<Death, string> = {
  throw: "RangeError: thrown outside of a task",
  reject: "RangeError: nobody catches this",
  close: "Error: its thread closed itself, by self.close() or Deno.exit()",
  exit: "Error: its thread closed itself, by self.close() or Deno.exit()",
  loop: "Error: its thread has not come back to its event loop for 500 ms",
  memory: "BadAllocError: Cannot allocate 1048576 bytes aligned to 8",
};
const ABORTED = "StoppedError: The runtime was aborted";
const STOPPED = "StoppedError: Cannot make a call: the runtime has been told to stop";
const UNLOADABLE = 'Error: Cannot run task "run" of ';

/**
 * The ways in which a promise of a cell may settle: beginnings of what `CellReport.outcomes` says. Most
 * have one; two where the death and the promise are in a race.
 */
export function expectedOutcomes(
  { ending, moment, policy }: CellReport,
  promise: string,
): readonly string[] {
  if (promise === "stop") return ["ok"]; // every death here was told to some call before
  if (ending === "abort") return [ABORTED];
  const crashes = [
    ...ending === "import" ? [] : [`ShardCrashedError: Shard 1 crashed: ${CAUSES[ending]}`],
    ...moment === "other restarting" ? [`ShardCrashedError: Shard 0 crashed: ${CAUSES.throw}`] : [],
  ];
  const crashesOf = (shard: number) => {
    // A runtime that fails rejects everything with whichever death it heard of first.
    return policy === "fail" ? crashes : crashes.filter((text) => text.includes(`Shard ${shard}`));
  };
  const fails = policy === "fail" && crashes.length > 0;
  switch (promise) {
    case "after stop":
      return fails ? crashes : [STOPPED];
    case "closed":
      return crashes.length > 0 && policy !== "restart" ? crashes : ["ok"];
    case "later, other": {
      const told = fails || policy === "keep" ? crashesOf(0) : [];
      return told.length > 0 ? told : ["ok"];
    }
    case "later, victim": {
      const told = fails || policy === "keep" ? crashesOf(1) : [];
      return told.length > 0 ? told : ["ok"];
    }
    case "other dying":
      return crashesOf(0);
    case "dying":
      // The module may turn out not to load before the other's death fails the runtime.
      if (ending === "import") return [UNLOADABLE, ...fails ? crashes : []];
      return crashesOf(1);
    case "invoke, back": // it waits, and may be told of the next death instead
      return policy === "restart" ? ["ok", ...crashesOf(1)] : crashesOf(1);
    case "whenUp":
      return policy === "restart" ? ["ok"] : crashesOf(1);
    case "mapSettled":
      return ["ok"]; // it says what became of each
    case "map":
    case "mapLimit":
    case "pipeline":
    case "copy":
    case "invoke":
    case "start":
      return ["ok", ...crashes]; // it may have answered before it died
    default: // "next", "caller", "queued", "service stop"
      return ending === "import" ? ["ok"] : crashesOf(1);
  }
}
