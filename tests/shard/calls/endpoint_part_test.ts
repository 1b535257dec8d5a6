/** What upper layers keep for an endpoint: several endpoints of one thread share nothing of it. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { Endpoint } from "../../../shard/calls/endpoint.ts";
import { SegmentLayout } from "../../../shard/calls/segment_layout.ts";
import { shapeFor } from "../../../shard/host/runtime_options.ts";
import { Replicas } from "../../../shard/services/replicas.ts";
import { ServiceInstances } from "../../../shard/services/service_instances.ts";

/** An endpoint of a segment of its own: shard 0 of a runtime of one, or its host. */
function newEndpoint(endpoint = 0): Endpoint {
  const shape = shapeFor({ shards: 1, memory: "1MiB", hostMemory: "1MiB", ringSlots: 4 });
  const buffer = new SharedArrayBuffer(new SegmentLayout(shape).byteLength);
  const options = { spinMicroseconds: 0, wireTypes: [], debug: false, debugHeap: false };
  return new Endpoint({ buffer, shape, endpoint, ...options }, () => {});
}

class Counted {
  static made: Endpoint[] = [];
  constructor(endpoint: Endpoint) {
    Counted.made.push(endpoint);
  }
}

Deno.test("Endpoint.part() makes one object of a class for each endpoint, when it is first asked for", () => {
  const [a, b] = [newEndpoint(), newEndpoint(1)];
  assertEquals(Counted.made, []);
  const part = a.part(Counted);
  const other = a.part(class Other {});
  assert(part instanceof Counted && part === a.part(Counted));
  assert(other as object !== part);
  assert(b.part(Counted) !== part);
  assert(b.part(Counted) === b.part(Counted));
  assertEquals(Counted.made.length, 2);
  assert(Counted.made[0] === a && Counted.made[1] === b);
});

Deno.test("two shards in one thread have their own instances of services with the same number", async () => {
  const [a, b] = [newEndpoint().part(ServiceInstances), newEndpoint().part(ServiceInstances)];
  class Holder {
    constructor(readonly text: string) {}
    read(): string {
      return this.text;
    }
  }
  const withText = (text: string) => () => Promise.resolve<[string]>([text]);
  await a.make(0, "Ours", Holder, withText("A's"));
  await b.make(0, "Theirs", Holder, withText("B's"));
  const [ofA, ofB] = [a.find(0)!, b.find(0)!];
  assertEquals([a.call(0, "read", []), b.call(0, "read", [])], ["A's", "B's"]);
  assertEquals([a.running, b.running], [[{ id: 0, name: "Ours" }], [{ id: 0, name: "Theirs" }]]);
  assertEquals([a.idOf(ofA), a.idOf(ofB), b.idOf(ofB)], [0, undefined, 0]);
  await a.drop(0);
  assertEquals([a.find(0), b.find(0)], [undefined, ofB]);
  assertEquals([a.nameOf(0), b.nameOf(0)], ["Ours", "Theirs"]);
  assertThrows(() => a.call(0, "read", []), Error, "shard 0 has none of Ours");
  await b.make(0, "New", Holder, withText("never made"));
  assertEquals(b.call(0, "read", []), "B's");
});

Deno.test("two shards in one thread have their own copies of values with the same name", async () => {
  const [a, b] = [newEndpoint().part(Replicas), newEndpoint().part(Replicas)];
  const names = [await a.make("A's"), await b.make("B's")];
  assertEquals(names, ["0.0.0", "0.0.0"], "each counts for itself");
  assertEquals([a.find(names[0]!)!.value, b.find(names[1]!)!.value], ["A's", "B's"]);
  await a.change(names[0]!, () => () => "A's, changed");
  assertEquals([a.find(names[0]!)!.version, b.find(names[1]!)!.version], [2, 1]);
  await a.stop(names[0]!);
  assertEquals([a.find("0.0.0"), b.find("0.0.0")!.value], [undefined, "B's"]);
  assertThrows(() => a.expectHome("0.0.0"), ReferenceError, "home, shard 0: it was stopped");
});
