/**
 * A thread that holds a life lock and writes to shared memory for as long as it is let: in machine code
 * of loops, between and inside calls that are long and not JavaScript, and in one of the ways to end.
 */
import { pbkdf2Sync } from "node:crypto";
import process from "node:process";
import { holdLifeLock } from "../../../shard/worker/life_lock.ts";

/** Words of the memory. Only the busy thread writes COUNT. */
export const COUNT = 0;
/** The host sets it to let the turn end. */
export const STOP = 1;
/** Set by the busy thread when its ending has begun. */
export const BEGUN = 2;
/** Where the bytes begin that are filled. */
export const BYTES_START = 4096;
/** What a memory has of WebAssembly's pages, 64 KiB each. */
export const MEMORY_PAGES = 16;

/** What the thread is busy with. */
export type Work = (typeof WORKS)[number];
/** How it ends: "terminate" leaves that to the host. */
export type ThreadEnding = (typeof THREAD_ENDINGS)[number];

export const WORKS = [
  "plain stores",
  "stores in a WebAssembly loop",
  "stores in microtasks",
  "stores that outlive exceptions",
  "fill()",
  "sort() that calls back",
  "TextDecoder",
  "JSON.parse()",
  "pbkdf2Sync()",
  "Atomics.wait()",
  "readFileSync()",
] as const;

export const THREAD_ENDINGS = [
  "terminate()",
  "self.close()",
  "Deno.exit()",
  "an exit handler",
  "an unload handler",
  "an error handler",
  "a rejection handler",
] as const;

/** To the thread. */
export interface BusyOrder {
  readonly memory: WebAssembly.Memory;
  readonly work: Work;
  readonly ending: ThreadEnding;
}

/** What the thread uses of a Worker's global scope, also where it is checked as a window's. */
interface BusyScope {
  readonly name: string;
  onmessage: ((event: MessageEvent<BusyOrder>) => void) | null;
  close(): void;
  /** Its pulse, then what it fails with. */
  postMessage(message: SharedArrayBuffer | string): void;
  addEventListener(type: string, listener: (event: Event) => void): void;
}

/**
 * A module whose `run(n)` adds 1 to word COUNT of the imported memory, n times:
 * `loop (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))), n -= 1, br_if n`.
 */
const COUNTING_MODULE = new Uint8Array([
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00], // magic, version
  ...[0x01, 0x05, 0x01, 0x60, 0x01, 0x7f, 0x00], // types: (i32) -> ()
  ...[0x02, 0x0b, 0x01, 0x01, 0x65, 0x03, 0x6d, 0x65, 0x6d, 0x02, 0x03], // import e.mem: shared,
  ...[MEMORY_PAGES, MEMORY_PAGES], // of so many pages
  ...[0x03, 0x02, 0x01, 0x00], // functions: one, of type 0
  ...[0x07, 0x07, 0x01, 0x03, 0x72, 0x75, 0x6e, 0x00, 0x00], // export "run"
  ...[0x0a, 0x1d, 0x01, 0x1b, 0x00, 0x03, 0x40], // code: no locals, loop
  ...[0x41, 0x00, 0x41, 0x00, 0x28, 0x02, 0x00, 0x41, 0x01, 0x6a, 0x36, 0x02, 0x00], // mem[0] += 1
  ...[0x20, 0x00, 0x41, 0x01, 0x6b, 0x22, 0x00, 0x0d, 0x00, 0x0b, 0x0b], // until n is 0
]);

/** Does one piece of `work`, of a few milliseconds at most, and makes COUNT grow meanwhile. */
function pieceOf(work: Work, memory: WebAssembly.Memory): () => void {
  const words = new Int32Array(memory.buffer, 0, BYTES_START >> 2);
  const bytes = new Uint8Array(memory.buffer, BYTES_START);
  switch (work) {
    case "plain stores":
    case "stores in microtasks":
      return () => {
        for (let i = 0; i < 10_000; i++) words[COUNT] = words[COUNT]! + 1;
      };
    case "stores in a WebAssembly loop": {
      const module = new WebAssembly.Module(COUNTING_MODULE);
      const { run } = new WebAssembly.Instance(module, { e: { mem: memory } }).exports;
      return () => (run as (times: number) => void)(100_000);
    }
    case "stores that outlive exceptions":
      return () => {
        try {
          for (let i = 0; i < 1000; i++) words[COUNT]!++;
          throw new RangeError("caught at once");
        } catch {
          words[COUNT]!++;
        } finally {
          words[COUNT]!++;
        }
      };
    case "fill()":
      return () => void bytes.fill(words[COUNT]!++);
    case "sort() that calls back": {
      const numbers = Float64Array.from({ length: 5000 }, (_, i) => i * 7919 % 5003);
      return () => void [...numbers].sort((a, b) => (words[COUNT]!++, a - b));
    }
    case "TextDecoder": {
      const text = new TextEncoder().encode("tiefes Wasser, hohe Flut; à la mer ".repeat(20_000));
      return () => void (words[COUNT]! += Math.sign(new TextDecoder().decode(text).length));
    }
    case "JSON.parse()": {
      const text = JSON.stringify(Array.from({ length: 20_000 }, (_, i) => ({ i })));
      return () => void (words[COUNT]! += Math.sign(JSON.parse(text).length));
    }
    case "pbkdf2Sync()":
      return () =>
        void (words[COUNT]! += Math.sign(pbkdf2Sync("p", "s", 5000, 64, "sha512")[0]! + 1));
    case "Atomics.wait()":
      return () => {
        Atomics.wait(words, STOP, 0, 1);
        words[COUNT]!++;
      };
    case "readFileSync()":
      return () => {
        words[COUNT]! += Math.sign(Deno.readFileSync(new URL(import.meta.url)).length);
      };
  }
}

/** Works until the host lets the turn end. */
function keepBusy({ memory, work }: BusyOrder): void {
  const words = new Int32Array(memory.buffer, 0, BYTES_START >> 2);
  const piece = pieceOf(work, memory);
  Atomics.store(words, BEGUN, 1);
  if (work === "stores in microtasks") {
    const goOn = () => {
      piece();
      if (Atomics.load(words, STOP) === 0) queueMicrotask(goOn);
    };
    return goOn();
  }
  while (Atomics.load(words, STOP) === 0) piece();
  queueMicrotask(piece); // which belongs to the turn
}

function end(scope: BusyScope, order: BusyOrder): void {
  const begun = () => Atomics.store(new Int32Array(order.memory.buffer), BEGUN, 1);
  const busy = () => keepBusy(order);
  const lastWork = (event: Event) => {
    event.preventDefault();
    busy();
    scope.close();
  };
  switch (order.ending) {
    case "terminate()":
      return busy();
    case "self.close()":
      begun(); // of what follows nothing may be carried out
      scope.close();
      return busy();
    case "Deno.exit()":
      begun();
      try {
        return Deno.exit(3);
      } finally {
        busy();
      }
    case "an exit handler":
      process.on("exit", busy);
      return process.exit(3);
    case "an unload handler":
      scope.addEventListener("unload", busy);
      return Deno.exit(3);
    case "an error handler": // as a shard's thread has one
      scope.addEventListener("error", lastWork);
      throw new RangeError("thrown outside of a task");
    case "a rejection handler":
      scope.addEventListener("unhandledrejection", lastWork);
      Promise.reject(new RangeError("nobody catches this"));
  }
}

/** Only where it is a thread of its own: the test imports the names above. */
if (import.meta.main) {
  const scope = globalThis as unknown as BusyScope;
  scope.onmessage = ({ data }) => end(scope, data);
  const pulse = await holdLifeLock(scope.name);
  scope.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    scope.postMessage(String((event as PromiseRejectionEvent).reason));
  });
  scope.postMessage(pulse);
}
