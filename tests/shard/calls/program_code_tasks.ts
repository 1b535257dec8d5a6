/** Code of a program that the library calls, in every way that goes wrong. */
import {
  type Allocator,
  defineService,
  defineTasks,
  f64,
  Gate,
  localAllocator,
  makeForeign,
  ServiceGroup,
  struct,
  submitTo,
  taskSignal,
  thisShard,
} from "@tidepool/core";
import { LargeAllocationWarning } from "@tidepool/core/diagnosis";

const Point = struct("Point", { x: f64, y: f64 });
const notes: string[] = [];
/** Resolves when `reclaimForResult` leaves its shard alone. */
const freed = Promise.withResolvers<void>();

export class Stopper {
  readonly #how: string;
  constructor(how: string) {
    if (how === "constructor") throw new RangeError("constructor");
    this.#how = how;
  }
  get odd(): () => void {
    throw new RangeError("method getter");
  }
  async stop(): Promise<void> {
    if (this.#how === "stop") throw new RangeError("stop");
    if (this.#how === "endless stop") await new Promise(() => {});
    if (this.#how === "calls back") notes.push(await submitTo(thisShard(), codeTasks.text, "back"));
  }
}

export const stoppers = defineService(import.meta.url, "stoppers", Stopper);

function messageOf(run: () => unknown): string {
  try {
    return `gave ${run()}`;
  } catch (error) {
    return String(error);
  }
}

/** Fills the slice; what frees a part of it again. */
function fill(allocator: Allocator): number[] {
  const addresses: number[] = [];
  for (const byteLength of [4096, 64]) {
    for (let a = allocator.malloc(byteLength); a !== 0; a = allocator.malloc(byteLength)) {
      addresses.push(a);
    }
  }
  return addresses;
}

/** A value that does not fit a record. */
const LONG = "long ".repeat(200);

export const codeTasks = defineTasks(import.meta.url, {
  text: (text: string) => text,
  notes: () => notes.splice(0),
  note: (text: string) => void notes.push(text),
  long: () => LONG,
  /** Its thenable's getter, its function, or what it does twice. */
  thenable: (how: string): unknown => {
    switch (how) {
      case "getter":
        return Object.defineProperty({}, "then", {
          get: () => {
            throw new RangeError("then getter");
          },
        });
      case "throws":
        return {
          then: () => {
            throw new RangeError("then");
          },
        };
      case "twice":
        return {
          then: (resolve: (value: string) => void, reject: (error: Error) => void) => {
            resolve("first");
            reject(new RangeError("second"));
            resolve("third");
          },
        };
      default:
        return { then: () => {} }; // never settles
    }
  },
  /** A listener of the task's signal that throws: an event handler's fault. */
  listenAndThrow: (how: string) => {
    taskSignal().addEventListener("abort", () => {
      if (how === "throws") throw new RangeError("listener");
      submitTo(thisShard(), codeTasks.note, "called back");
    });
    return new Promise(() => {});
  },
  /** Calls another shard while a reclaimer makes room, calls, throws, or frees nothing. */
  reclaim: async (how: string, to: number) => {
    const allocator = localAllocator();
    await submitTo(to, codeTasks.text, "met"); // the first call says more
    const held = fill(allocator);
    const abort = new AbortController();
    let extra: Promise<string> | undefined;
    const reclaimer = allocator.reclaimers.add(({ scope }) => {
      if (how === "throws" && scope === "sync") throw new RangeError("reclaimer");
      if (how === "gives up") abort.abort(new RangeError("given up"));
      for (let i = 0; i < 8 && held.length > 0; i++) allocator.free(held.pop()!);
      if (how === "calls") extra = submitTo(to, codeTasks.text, "from the reclaimer");
    }, { scope: "sync" });
    const task = codeTasks.text.with({ signal: abort.signal });
    const outcome: number | string = await submitTo(to, task, LONG)
      .then((text) => text.length, String);
    reclaimer[Symbol.dispose]();
    const reclaimed = await extra;
    held.forEach((address) => allocator.free(address));
    return { outcome, reclaimed };
  },
  /** A result that only a reclaimer has room for, while the reclaimer calls the same endpoint. */
  reclaimForResult: (to: number) => {
    const allocator = localAllocator();
    const held = fill(allocator);
    const reclaimer = allocator.reclaimers.add(({ scope }) => {
      if (scope === "async") return; // between turns it would be asked again and again
      for (let i = 0; i < 8 && held.length > 0; i++) allocator.free(held.pop()!);
      submitTo(to, codeTasks.note, "from the reclaimer").finally(() => {
        reclaimer[Symbol.dispose]();
        held.splice(0).forEach((address) => allocator.free(address)); // it may have been asked twice
        freed.resolve();
      });
    }, { scope: "sync" });
    return LONG;
  },
  freed: () => freed.promise,
  asyncReclaimer: () => {
    const allocator = localAllocator();
    allocator.reclaimers.add(() => {
      throw new RangeError("async reclaimer");
    });
    fill(allocator);
  },
  /** A report of a large allocation that throws: the block is not lost. */
  warningThrows: () => {
    const allocator = localAllocator();
    using _ = new LargeAllocationWarning(allocator, {
      thresholdBytes: 1000,
      report: () => {
        throw new RangeError("report");
      },
    });
    const { liveBlocks } = allocator.statistics();
    const said = messageOf(() => allocator.malloc(2000));
    return [said, allocator.statistics().liveBlocks - liveBlocks];
  },
  structInit: () => {
    const allocator = localAllocator();
    const { liveBlocks } = allocator.statistics();
    const said = messageOf(() =>
      Point.make(allocator, {
        x: 1,
        get y(): number {
          throw new RangeError("init");
        },
      })
    );
    return [said, allocator.statistics().liveBlocks - liveBlocks];
  },
  /** A destructor that never ends, or that calls back. */
  openOdd: (how: string) =>
    makeForeign({
      [Symbol.asyncDispose]: async () => {
        if (how === "endless") await new Promise(() => {});
        await submitTo(thisShard(), codeTasks.note, "destroyed");
      },
    }),
  /** What a gate and a group run. */
  inside: async () => {
    const gate = new Gate();
    const group = new ServiceGroup({ maxInFlight: 1 });
    const fail = () => {
      throw new RangeError("inside");
    };
    const outcomes = [
      await gate.with(fail).catch(String),
      await group.run(fail).catch(String),
      await group.run(() => gate.with(() => group.waiting)),
    ];
    await gate.close();
    return [...outcomes, gate.count, group.inFlight];
  },
  close: () => self.close(),
});
