import { assert, assertEquals, assertFalse } from "@std/assert";
import { setImmediate } from "node:timers";
import { Endpoint } from "../../../shard/calls/endpoint.ts";
import { shapeFor } from "../../../shard/host/runtime_options.ts";
import { SegmentLayout } from "../../../shard/calls/segment_layout.ts";
import { PARKED_BYTES } from "../../../shard/ring/control_page.ts";
import { type Attended, Spinner } from "../../../shard/ring/wait_strategy.ts";

/** A bus to which something comes after so many looks. */
function busyAfter(looks: number, { maySpin = true, awaitsReply = false } = {}): Attended {
  return {
    poll: () => 0,
    looksBusy: () => --looks < 0,
    isBusy: () => false,
    open: true,
    awaitsReply,
    maySpin: () => maySpin,
    sleeping: () => {},
  };
}

function spin(spinner: Spinner, bus: Attended): Promise<boolean> {
  return spinner.spin(bus, performance.now());
}

const NEVER = busyAfter(Infinity);

Deno.test("Spinner.spin() ends as soon as something comes, also after other microtasks", async () => {
  const spinner = new Spinner(10_000_000);
  assert(await spin(spinner, busyAfter(0)));
  assert(await spin(spinner, busyAfter(1000)));
});

Deno.test("Spinner.spin() does not let the event loop turn in its first microseconds", async () => {
  let turned = false;
  setImmediate(() => turned = true);
  assert(await spin(new Spinner(10_000_000), busyAfter(1000)));
  assertFalse(turned);
  await new Promise((resolve) => setImmediate(resolve));
});

Deno.test("Spinner.spin() lets the event loop turn once its first microseconds are over", async () => {
  const spinner = new Spinner(10_000_000);
  const bus = busyAfter(Infinity);
  let came = false;
  bus.looksBusy = () => came;
  setImmediate(() => came = true);
  assert(await spinner.spin(bus, performance.now() - 10_001));
});

Deno.test("a Spinner spins seldom once four spins in a row have missed, and again after a hit", async () => {
  const spinner = new Spinner(1);
  for (let miss = 0; miss < 4; miss++) {
    assert(spinner.isDue(NEVER));
    assert(spinner.pays(NEVER));
    assertEquals(await spin(spinner, NEVER), false);
  }
  assertFalse(spinner.pays(NEVER));
  const trials: number[] = [];
  for (let wait = 1; wait <= 1000; wait++) {
    if (!spinner.isDue(NEVER)) continue;
    trials.push(wait);
    assertFalse(await spin(spinner, NEVER));
  }
  assertEquals(trials, [8, 24, 56, 120, 248, 504, 760]); // one in 8, 16, 32 … 256
  await hit(spinner);
  assert(spinner.pays(NEVER));
  assert(spinner.isDue(NEVER));
});

/** Has `spinner` spin until it sees something in time: a microsecond is soon over. */
async function hit(spinner: Spinner): Promise<void> {
  while (!spinner.pays(NEVER)) await spin(spinner, busyAfter(0));
}

Deno.test("a message that a spin sees after its time is over is a miss: something else had the core", async () => {
  const spinner = new Spinner(1);
  const late = busyAfter(0);
  late.looksBusy = () => {
    for (const end = performance.now() + 0.01; performance.now() < end;);
    return true;
  };
  for (let spins = 0; spins < 4; spins++) {
    assert(spinner.pays(late));
    assert(await spin(spinner, late));
  }
  assertFalse(spinner.pays(late));
});

Deno.test("a Spinner learns of waits for replies and of waits for calls apart", async () => {
  const spinner = new Spinner(1);
  for (let miss = 0; miss < 4; miss++) await spin(spinner, NEVER);
  assertFalse(spinner.pays(NEVER));
  assert(spinner.pays(busyAfter(0, { awaitsReply: true })));
});

Deno.test("a Spinner with 0 microseconds, or where it may not, is never due", () => {
  const off = new Spinner(0);
  const crowded = busyAfter(0, { maySpin: false });
  const on = new Spinner(50);
  for (let wait = 0; wait < 20; wait++) {
    assertFalse(off.isDue(busyAfter(0)));
    assertFalse(on.isDue(crowded));
  }
  assertFalse(off.pays(NEVER));
});

Deno.test("a spin that is ended because cores are short is no miss", async () => {
  const spinner = new Spinner(10_000_000);
  const crowded = busyAfter(Infinity, { maySpin: false });
  for (let spins = 0; spins < 10; spins++) assertFalse(await spin(spinner, crowded));
  assert(spinner.pays(NEVER));
});

Deno.test("MessageBus.maySpin() while no more endpoints are awake than there are cores", () => {
  const cores = navigator.hardwareConcurrency;
  const shape = shapeFor({ shards: cores + 1, memory: (cores + 1) * 2 ** 20, ringSlots: 2 });
  const layout = new SegmentLayout(shape);
  const buffer = new SharedArrayBuffer(layout.byteLength);
  const setup = { buffer, shape, spinMicroseconds: 50, wireTypes: [], debug: false };
  const { bus } = new Endpoint({ ...setup, endpoint: layout.host, debugHeap: false }, () => {});
  const words = new Int32Array(buffer, 0, layout.controlByteLength >> 2);
  const park = (shard: number, parked: number) => {
    words[(layout.controlPage(shard) + PARKED_BYTES) >> 2] = parked;
  };
  for (let shard = 0; shard <= cores; shard++) park(shard, 1);
  for (let shard = 0; shard < cores - 1; shard++) {
    assert(bus.maySpin(), `${shard + 1} of ${cores} cores are taken`);
    park(shard, 0);
  }
  assert(bus.maySpin());
  park(cores, 0);
  assertFalse(bus.maySpin());
  bus.declareGone(cores, new Error("dead"), true);
  assert(bus.maySpin(), "the dead take no core");
});
