/** Foreign pointers of two runtimes that meet in one thread: neither sees to the other's. */
import { type ForeignPtr, Runtime } from "@tidepool/core";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { runInNewContext } from "node:vm";
import { setFlagsFromString } from "node:v8";
import { BackgroundDestructions } from "../../foreign/local/background_destructions.ts";
import { EndpointPointers } from "../../foreign/endpoint_pointers.ts";
import { HomeShard } from "../../foreign/home_shard.ts";
import { UniquePtr } from "../../foreign/local/unique_ptr.ts";
import { Endpoint } from "../../shard/calls/endpoint.ts";
import { SegmentLayout } from "../../shard/calls/segment_layout.ts";
import { shapeFor } from "../../shard/host/runtime_options.ts";
import { meetingTasks } from "./meeting_tasks.ts";

/** Far more rounds than a collection takes. */
const PATIENCE_ROUNDS = 100;

interface Watched {
  readonly runtime: Runtime;
  readonly warnings: string[];
}

async function start(): Promise<Watched> {
  const warnings: string[] = [];
  const onWarning = ({ message }: Error): void => void warnings.push(message);
  return { runtime: await Runtime.start({ shards: 1, memory: "4MiB", onWarning }), warnings };
}

/** Shard 0 of a segment of its own, in this thread. */
function newShard(warned: Error[]): Endpoint {
  const shape = shapeFor({ shards: 1, memory: "1MiB", hostMemory: "1MiB", ringSlots: 4 });
  const buffer = new SharedArrayBuffer(new SegmentLayout(shape).byteLength);
  const options = { spinMicroseconds: 0, wireTypes: [], debug: false, debugHeap: false };
  const endpoint = new Endpoint({ buffer, shape, endpoint: 0, ...options }, () => {});
  endpoint.warn = (warning) => void warned.push(warning);
  return endpoint;
}

Deno.test("two shards in one thread wait for their own destructions in the background alone", async () => {
  const [a, b] = [newShard([]), newShard([])].map((shard) => shard.part(BackgroundDestructions));
  const slow = Promise.withResolvers<void>();
  const failures: unknown[] = [];
  a!.add(slow.promise, (error) => failures.push(error));
  let hasEnded = false;
  const ended = a!.ended().then(() => hasEnded = true);
  await b!.ended(); // for ever, if A's were its too
  assertEquals(hasEnded, false);
  slow.reject(new RangeError("too slow"));
  await ended;
  assertEquals(failures.map(String), ["RangeError: too slow"]);
});

Deno.test("two shards in one thread warn, each of its own destructors", async () => {
  const warnings: Error[][] = [[], []];
  const homes = warnings.map((warned) => newShard(warned).part(HomeShard));
  const resisting = (name: string) => ({
    [Symbol.asyncDispose]: () => Promise.reject(new RangeError(`${name} resists`)),
  });
  homes[0]!.end(new UniquePtr(resisting("A's")));
  homes[1]!.end(new UniquePtr(resisting("B's")));
  assertEquals([await homes[0]!.finish(), await homes[1]!.finish()], [null, null]);
  assertEquals(warnings.map((warned) => warned.map(({ message }) => message)), [
    ["The destructor of Object threw on shard 0: RangeError: A's resists"],
    ["The destructor of Object threw on shard 0: RangeError: B's resists"],
  ]);
});

Deno.test("a shard that is a host too: stop() of its runtime does not wait for its own destructions", async () => {
  await using outer = await Runtime.start({ shards: 1, memory: "16MiB" });
  assertEquals(await outer.submitTo(0, meetingTasks.stopInnerFirst), [
    "the inner runtime has stopped",
    "the outer shard's object is destroyed",
  ]);
});

Deno.test("two runtimes of one host watch their own pointers alone", async () => {
  await using a = await Runtime.start({ shards: 1, memory: "4MiB" });
  await using b = await Runtime.start({ shards: 1, memory: "4MiB" });
  type Shared = ForeignPtr<object, "shared">;
  const [ofA, ofB] = [
    await a.submitTo(0, meetingTasks.openNull) as unknown as Shared,
    await b.submitTo(0, meetingTasks.openNull) as unknown as Shared,
  ];
  const watches = [a, b].map((runtime) => runtime["endpoint"].part(EndpointPointers).watch);
  const unwatched = () => watches.map((watch) => watch.unwatched);
  // From here on nothing is awaited, so that neither falls asleep.
  for (const watch of watches) watch.begin();
  assertEquals(unwatched(), [0, 0]);
  const copies = [ofA.copy(), ofA.copy(), ofB.copy()];
  assertEquals(unwatched(), [2, 1]);
  watches[0]!.begin();
  assertEquals(unwatched(), [0, 1]);
  for (let i = 0; i < 1024; i++) copies.push(ofA.copy());
  assertEquals(unwatched(), [1024, 1]);
  copies.push(ofA.copy()); // one too many: A's are watched, B's are not
  assertEquals(unwatched(), [1, 1]);
  await Promise.all(copies);
});

Deno.test("two runtimes of one host: each hears of the pointers and the destructors of its own", async () => {
  const [a, b] = [await start(), await start()];
  await loseOne(a.runtime);
  for (let round = 0; round < PATIENCE_ROUNDS && a.warnings.length === 0; round++) await collect();
  (await b.runtime.submitTo(0, meetingTasks.openResisting))[Symbol.dispose]();
  const held = await b.runtime.submitTo(0, meetingTasks.open);
  await b.runtime.stop();
  await a.runtime.stop();
  assertEquals([a, b].map(({ runtime }) => runtime.foreignStatistics(0).lost), [1, 0]);
  assertEquals([a.warnings.length, b.warnings.length], [1, 2]);
  assertStringIncludes(a.warnings[0]!, "was lost to the garbage collector on endpoint 1: ");
  assertStringIncludes(a.warnings[0]!, "start the runtime with `debug: true`");
  assertEquals(
    b.warnings[0],
    "The destructor of Resisting threw on shard 0: RangeError: it resists",
  );
  assertStringIncludes(b.warnings[1]!, "- 1 to Object of shard 0, by the host");
  await assertRejects(() => held.destroy());
});

async function loseOne(runtime: Runtime): Promise<void> {
  await runtime.submitTo(0, meetingTasks.open);
}

async function collect(): Promise<void> {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
  await new Promise((resolve) => setTimeout(resolve)); // the callbacks are tasks of the event loop
}
