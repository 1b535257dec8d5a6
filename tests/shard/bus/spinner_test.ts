import { assert, assertEquals, assertFalse } from "@std/assert";
import { Endpoint } from "../../../shard/endpoint.ts";
import { shapeFor } from "../../../shard/runtime_options.ts";
import { SegmentLayout } from "../../../shard/segment_layout.ts";
import { PARKED_BYTES } from "../../../shard/bus/control_page.ts";
import { type Attended, Spinner } from "../../../shard/bus/wait_strategy.ts";

/** A bus to which something comes after so many looks. */
function busyAfter(looks: number, maySpin = true): Attended {
  return {
    poll: () => 0,
    looksBusy: () => --looks < 0,
    isBusy: () => false,
    open: true,
    maySpin: () => maySpin,
    sleeping: () => {},
  };
}

Deno.test("Spinner.spin() ends as soon as something comes, also after other microtasks", async () => {
  const spinner = new Spinner(10_000_000);
  assert(await spinner.spin(busyAfter(0)));
  assert(await spinner.spin(busyAfter(1000)));
});

Deno.test("a Spinner spins seldom once four spins in a row have missed, and again after a hit", async () => {
  const never = busyAfter(Infinity);
  const spinner = new Spinner(1);
  for (let miss = 0; miss < 4; miss++) {
    assert(spinner.isDue(never));
    assert(spinner.pays);
    assertFalse(await spinner.spin(never));
  }
  assertFalse(spinner.pays);
  const due = Array.from({ length: 16 }, () => spinner.isDue(never));
  assertEquals(due.flatMap((isDue, wait) => isDue ? [wait] : []), [7, 15]);
  assert(await spinner.spin(busyAfter(0)));
  assert(spinner.pays);
  assert(spinner.isDue(never));
});

Deno.test("a Spinner with 0 microseconds, or where it may not, is never due", () => {
  const off = new Spinner(0);
  const crowded = busyAfter(0, false);
  const on = new Spinner(50);
  for (let wait = 0; wait < 20; wait++) {
    assertFalse(off.isDue(busyAfter(0)));
    assertFalse(on.isDue(crowded));
  }
  assertFalse(off.pays);
});

Deno.test("a spin that is ended because cores are short is no miss", async () => {
  const spinner = new Spinner(10_000_000);
  for (let spin = 0; spin < 10; spin++) {
    assertFalse(await spinner.spin(busyAfter(Infinity, false)));
  }
  assert(spinner.pays);
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
  bus.declareGone(cores, new Error("dead"));
  assert(bus.maySpin(), "the dead take no core");
});
