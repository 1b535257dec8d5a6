/** Waiting for room, over a bus that the test fills and empties. */
import { RoomQueue } from "../../../shard/flow/room.ts";
import { assertEquals, assertRejects } from "@std/assert";
import { countListeners } from "../../harness/counted_listeners.ts";
import { settled } from "./flow_probes.ts";

/** Room for so many calls to each endpoint. */
class Bus {
  readonly room: number[];
  asked = 0;
  #waiters: (() => void)[] = [];

  constructor(...room: number[]) {
    this.room = room;
  }

  hasRoom(endpoint: number): boolean {
    this.asked++;
    return this.room[endpoint]! > 0;
  }

  passes(): boolean {
    return false;
  }

  nextEnd(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** A call to it is made. */
  call(endpoint: number): void {
    this.room[endpoint]!--;
  }

  /** So many calls to it end, and a turn with them. */
  end(endpoint: number, calls: number): void {
    this.room[endpoint]! += calls;
    for (const resolve of this.#waiters.splice(0)) resolve();
  }
}

/** Waits for room and makes its call, as a producer does; notes who goes on, and when. */
async function produce(queue: RoomQueue, bus: Bus, endpoint: number, went: number[], name: number) {
  await queue.wait(endpoint);
  bus.call(endpoint);
  went.push(name);
}

Deno.test("room is there at once while fewer calls wait than may", async () => {
  const queue = new RoomQueue({ bus: new Bus(1) });
  await queue.wait(0);
  await queue.wait(0);
});

Deno.test("a crowd goes on in order, and no further than there is room", async () => {
  const bus = new Bus(3);
  const queue = new RoomQueue({ bus });
  const went: number[] = [];
  const producers = Array.from({ length: 10 }, (_, name) => produce(queue, bus, 0, went, name));
  await settled();
  assertEquals([went, bus.room], [[0, 1, 2], [0]]);
  bus.end(0, 0); // a call to somebody else
  await settled();
  assertEquals(went.length, 3);
  bus.end(0, 4);
  await settled();
  assertEquals([went, bus.room], [[0, 1, 2, 3, 4, 5, 6], [0]]);
  bus.end(0, 100);
  await Promise.all(producers);
  assertEquals(went, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

Deno.test("who waits is not asked about between two ends, however many wait", async () => {
  const bus = new Bus(0);
  const queue = new RoomQueue({ bus });
  const went: number[] = [];
  const producers = Array.from({ length: 1000 }, (_, name) => produce(queue, bus, 0, went, name));
  await settled();
  assertEquals(bus.asked, 1);
  bus.end(0, 0);
  await settled();
  assertEquals(bus.asked, 2);
  bus.end(0, 1000);
  await Promise.all(producers);
});

Deno.test("each endpoint has room of its own", async () => {
  const bus = new Bus(0, 1);
  const queue = new RoomQueue({ bus });
  const went: number[] = [];
  const full = produce(queue, bus, 0, went, 0);
  await produce(queue, bus, 1, went, 1);
  assertEquals(went, [1]);
  bus.end(0, 1);
  await full;
});

Deno.test("a signal ends the wait, and lets the others go on", async () => {
  const bus = new Bus(0);
  const queue = new RoomQueue({ bus });
  const controller = new AbortController();
  const listeners = countListeners(controller.signal);
  const given = queue.wait(0, controller.signal);
  const went: number[] = [];
  const next = produce(queue, bus, 0, went, 1);
  await settled();
  assertEquals(listeners(), 1);
  controller.abort(new Error("enough"));
  await assertRejects(() => given, Error, "enough");
  assertEquals(listeners(), 0);
  bus.end(0, 1);
  await next;
  await assertRejects(() => queue.wait(0, controller.signal), Error, "enough");
});

Deno.test("a wait that ends with room leaves no listener, and the only one given up leaves the queue whole", async () => {
  const bus = new Bus(0);
  const queue = new RoomQueue({ bus });
  const controller = new AbortController();
  const listeners = countListeners(controller.signal);
  const alone = new AbortController();
  const given = queue.wait(0, alone.signal);
  await settled();
  alone.abort(new Error("enough"));
  await assertRejects(() => given, Error, "enough");
  const went: number[] = [];
  const others = [produce(queue, bus, 0, went, 1), produce(queue, bus, 0, went, 2)];
  const watched = queue.wait(0, controller.signal);
  await settled();
  bus.end(0, 1);
  await settled();
  assertEquals([went, bus.room], [[1], [0]]);
  bus.end(0, 2);
  await Promise.all([...others, watched]);
  assertEquals(listeners(), 0);
});
