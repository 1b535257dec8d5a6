/**
 * Struct views, access by access; the baseline is the same work on typed arrays with indices computed
 * by hand. Each iteration is 1,000 repetitions: read µs as ns each.
 *
 * Twenty other structs are used first, as V8 optimizes for the types that a place in the source has
 * met, and a program with a single struct would look better than real ones.
 *
 * Run it with `deno bench --no-check --allow-all bench/struct_bench.ts`.
 */
import {
  array,
  atomicU32,
  bool,
  f32,
  f64,
  flags,
  i32,
  offsetOf,
  pointer,
  string,
  struct,
  u8,
  union,
} from "../allocator/mod.ts";

const FAR = 5 * 2 ** 30;
const ROUNDS = 1000;
const segment = new SharedArrayBuffer(6 * 2 ** 30);
const floats = new Float64Array(segment);
const words = new Int32Array(segment);
const bytes = new Uint8Array(segment);
const dataView = new DataView(segment);

const Vector = struct("Vector", { x: f64, y: f64, z: f64 });
const Particle = struct("Particle", {
  x: f64,
  velocity: Vector,
  samples: array(f64, 4),
  id: i32,
  name: string(16),
  get next() {
    return pointer(() => Particle);
  },
});
const ID = offsetOf(Particle, "id");
const NEXT = offsetOf(Particle, "next");
const VELOCITY_Z = offsetOf(Particle, "velocity") + offsetOf(Vector, "z");
const SAMPLES = offsetOf(Particle, "samples");
const NAME = offsetOf(Particle, "name");
const STRIDE = Particle.byteLength;

for (let i = 0; i < 20; i++) {
  const Other = struct(`Other${i}`, { a: f64, b: i32, c: u8, d: f32, e: bool, f: Vector });
  for (let address = 8; address < 80_000; address += 8) {
    const other = Other.at(segment, address);
    other.a += 1;
    other.b = other.c;
    other.d = other.f.x;
    other.e = !other.e;
  }
}
bytes.fill(0, 0, 80_008);

/** Address of the k-th of 1,024 particles in a row. */
function place(base: number, k: number): number {
  return base + (k & 1023) * STRIDE;
}

for (const [where, base] of [["", 4096], [", above 4 GiB", FAR]] as const) {
  for (let k = 0; k < 1024; k++) {
    Particle.at(segment, place(base, k)).assign({ next: place(base, k + 1), name: "particle 7" });
  }

  const fixed = `x += 1 (f64) and id = k (i32) of one struct${where}`;
  Deno.bench("typed arrays", { group: fixed, baseline: true }, () => {
    for (let k = 0; k < ROUNDS; k++) {
      floats[base / 8]! += 1;
      words[(base + ID) / 4] = k;
    }
  });
  const one = Particle.at(segment, base);
  Deno.bench("struct view", { group: fixed }, () => {
    for (let k = 0; k < ROUNDS; k++) {
      one.x += 1;
      one.id = k;
    }
  });
  Deno.bench("DataView", { group: fixed }, () => {
    for (let k = 0; k < ROUNDS; k++) {
      dataView.setFloat64(base, dataView.getFloat64(base, true) + 1, true);
      dataView.setInt32(base + ID, k, true);
    }
  });

  const moving = `the same over 1,024 structs in turn${where}`;
  Deno.bench("typed arrays", { group: moving, baseline: true }, () => {
    for (let k = 0; k < ROUNDS; k++) {
      const address = place(base, k);
      floats[address / 8]! += 1;
      words[(address + ID) / 4] = k;
    }
  });
  Deno.bench("struct view, moved by at()", { group: moving }, () => {
    for (let k = 0; k < ROUNDS; k++) {
      one.at(place(base, k));
      one.x += 1;
      one.id = k;
    }
  });
  Deno.bench("a new view of each, Particle.at()", { group: moving }, () => {
    for (let k = 0; k < ROUNDS; k++) {
      const view = Particle.at(one, place(base, k));
      view.x += 1;
      view.id = k;
    }
  });

  const list = `follow a list of 1,024 structs${where}`;
  Deno.bench("typed arrays", { group: list, baseline: true }, () => {
    let address: number = base;
    let sum = 0;
    for (let k = 0; k < ROUNDS; k++) {
      sum += floats[address / 8]!;
      address = floats[(address + NEXT) / 8]!;
    }
    if (Number.isNaN(sum)) throw new Error("a sum that is no number");
  });
  Deno.bench("one view, at(view.next)", { group: list }, () => {
    const node = Particle.at(segment, base);
    let sum = 0;
    for (let k = 0; k < ROUNDS; k++) {
      sum += node.x;
      node.at(node.next);
    }
    if (Number.isNaN(sum)) throw new Error("a sum that is no number");
  });
  Deno.bench('view.deref("next")', { group: list }, () => {
    let node = Particle.at(segment, base);
    let sum = 0;
    for (let k = 0; k < ROUNDS; k++) {
      sum += node.x;
      node = node.deref("next")!;
    }
    if (Number.isNaN(sum)) throw new Error("a sum that is no number");
  });
}

const one = Particle.at(segment, 4096);
const nested = "velocity.z += 1, a struct in a struct";
Deno.bench("typed arrays", { group: nested, baseline: true }, () => {
  for (let k = 0; k < ROUNDS; k++) floats[(place(4096, k) + VELOCITY_Z) / 8]! += 1;
});
Deno.bench("struct view", { group: nested }, () => {
  for (let k = 0; k < ROUNDS; k++) one.at(place(4096, k)).velocity.z += 1;
});

const element = "samples[2] += 1, an element of an array";
Deno.bench("typed arrays", { group: element, baseline: true }, () => {
  for (let k = 0; k < ROUNDS; k++) floats[(place(4096, k) + SAMPLES) / 8 + 2]! += 1;
});
Deno.bench("get() and set()", { group: element }, () => {
  for (let k = 0; k < ROUNDS; k++) {
    const { samples } = one.at(place(4096, k));
    samples.set(2, samples.get(2) + 1);
  }
});
Deno.bench("elements, made anew each time", { group: element }, () => {
  for (let k = 0; k < ROUNDS; k++) one.at(place(4096, k)).samples.elements[2]! += 1;
});

const OrderFlags = flags(u8, ["buy", "hidden", "ioc"]);
const Order = struct("Order", { price: f64, hits: atomicU32, flags: OrderFlags });
class ClassOfOrder extends Order.View {
  get rounded(): number {
    return Math.round(this.price);
  }
}
const Command = union("Command", { price: f64, order: Order }, { tag: u8 });
const unsigned = new Uint32Array(segment);
const HITS = offsetOf(Order, "hits");
const FLAGS = offsetOf(Order, "flags");
const PRICE = offsetOf(Command, "price");
const QUIET = OrderFlags.mask("hidden", "ioc");
const ORDERS = 1 << 20;
const order = Order.at(segment, ORDERS);
const { hits } = order;
const moved = Order.view(segment);
const ofClass = ClassOfOrder.at(segment, ORDERS);
const command = Command.at(segment, ORDERS + 4096);

/** Address of the k-th of 64 orders in a row. */
function orderAt(k: number): number {
  return ORDERS + (k & 63) * Order.byteLength;
}

const atomicAdd = "hits.add(1), an atomic field";
Deno.bench("typed arrays", { group: atomicAdd, baseline: true }, () => {
  for (let k = 0; k < ROUNDS; k++) Atomics.add(unsigned, (ORDERS + HITS) / 4, 1);
});
Deno.bench("read again at each access", { group: atomicAdd }, () => {
  for (let k = 0; k < ROUNDS; k++) order.hits.add(1);
});
Deno.bench("kept", { group: atomicAdd }, () => {
  for (let k = 0; k < ROUNDS; k++) hits.add(1);
});

const atomicMoving = "hits.load() and hits.store(k) over 64 structs in turn";
Deno.bench("typed arrays", { group: atomicMoving, baseline: true }, () => {
  let sum = 0;
  for (let k = 0; k < ROUNDS; k++) {
    const index = (orderAt(k) + HITS) / 4;
    sum += Atomics.load(unsigned, index);
    Atomics.store(unsigned, index, k);
  }
  if (Number.isNaN(sum)) throw new Error("a sum that is no number");
});
Deno.bench("struct view, moved by at()", { group: atomicMoving }, () => {
  let sum = 0;
  for (let k = 0; k < ROUNDS; k++) {
    const { hits } = moved.at(orderAt(k));
    sum += hits.load();
    hits.store(k);
  }
  if (Number.isNaN(sum)) throw new Error("a sum that is no number");
});

const readFlag = "count where a flag is set";
Deno.bench("typed arrays", { group: readFlag, baseline: true }, () => {
  let count = 0;
  for (let k = 0; k < ROUNDS; k++) if ((bytes[ORDERS + FLAGS]! & 1) !== 0) count++;
  if (Number.isNaN(count)) throw new Error("a count that is no number");
});
Deno.bench("flags", { group: readFlag }, () => {
  let count = 0;
  for (let k = 0; k < ROUNDS; k++) if (order.flags.buy) count++;
  if (Number.isNaN(count)) throw new Error("a count that is no number");
});

const writeFlag = "set and clear a flag by turns";
Deno.bench("typed arrays", { group: writeFlag, baseline: true }, () => {
  for (let k = 0; k < ROUNDS; k++) {
    const bits = bytes[ORDERS + FLAGS]!;
    bytes[ORDERS + FLAGS] = (k & 1) !== 0 ? bits | 4 : bits & ~4;
  }
});
Deno.bench("flags", { group: writeFlag }, () => {
  for (let k = 0; k < ROUNDS; k++) order.flags.ioc = (k & 1) !== 0;
});

const maskOfFlags = "count structs with two flags set";
Deno.bench("typed arrays", { group: maskOfFlags, baseline: true }, () => {
  let count = 0;
  for (let k = 0; k < ROUNDS; k++) if ((bytes[orderAt(k) + FLAGS]! & 6) === 6) count++;
  if (Number.isNaN(count)) throw new Error("a count that is no number");
});
Deno.bench("bits and mask(), moved by at()", { group: maskOfFlags }, () => {
  let count = 0;
  for (let k = 0; k < ROUNDS; k++) {
    if ((order.at(orderAt(k)).flags.bits & QUIET) === QUIET) count++;
  }
  if (Number.isNaN(count)) throw new Error("a count that is no number");
  order.at(ORDERS);
});

const member = "price += 1, a member of a union with a tag";
Deno.bench("typed arrays", { group: member, baseline: true }, () => {
  const address = ORDERS + 4096;
  for (let k = 0; k < ROUNDS; k++) if (bytes[address] === 0) floats[(address + PRICE) / 8]! += 1;
});
Deno.bench("union view", { group: member }, () => {
  for (let k = 0; k < ROUNDS; k++) command.price += 1;
});

const subclass = "price += 1 of a view of a class with methods";
Deno.bench("typed arrays", { group: subclass, baseline: true }, () => {
  for (let k = 0; k < ROUNDS; k++) floats[ORDERS / 8]! += 1;
});
Deno.bench("view of the struct", { group: subclass }, () => {
  for (let k = 0; k < ROUNDS; k++) order.price += 1;
});
Deno.bench("view of the class", { group: subclass }, () => {
  for (let k = 0; k < ROUNDS; k++) ofClass.price += 1;
});

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const text = "a name of 10 bytes, read and written";
Deno.bench("TextDecoder and TextEncoder", { group: text, baseline: true }, () => {
  for (let k = 0; k < ROUNDS; k++) {
    const field = bytes.subarray(4096 + NAME, 4096 + NAME + 16);
    const end = field.indexOf(0);
    encoder.encodeInto(decoder.decode(end < 0 ? field : field.subarray(0, end)), field);
  }
});
Deno.bench("string(16)", { group: text }, () => {
  one.at(4096);
  for (let k = 0; k < ROUNDS; k++) one.name = `${one.name}`;
});
