/**
 * Fields that hold text and bytes of any length: what they keep, whose blocks they are, and that every
 * block is freed once. Every test ends with as many blocks as it began with.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  Allocator,
  array,
  BadAllocError,
  bytes,
  DoubleFreeError,
  freeStruct,
  i32,
  offsetOf,
  pointer,
  sizeOf,
  string,
  struct,
  text,
  u8,
} from "../../../allocator/mod.ts";
import { withRandom } from "../../harness/seeded_random.ts";

const SLICE_BYTES = 1 << 20;

/** The allocators of two slices, both on this thread. */
function makeAllocators(): [Allocator, Allocator] {
  const segment = new SharedArrayBuffer(2 * SLICE_BYTES, { maxByteLength: 2 * SLICE_BYTES });
  const slices = [0, 1].map((i) => ({ byteOffset: i * SLICE_BYTES, byteLength: SLICE_BYTES }));
  return [Allocator.create(segment, slices, 0), Allocator.create(segment, slices, 1)];
}

const User = struct("User", { id: i32, name: text(), photo: bytes() });
const Line = struct("Line", { words: text({ owned: false }), raw: bytes({ owned: false }) });
const Tree = struct("Tree", { user: User, notes: array(text(), 3), tag: string(4) });

Deno.test("text() and bytes() take 16 bytes: an address and a length", () => {
  assertEquals([sizeOf(text()), sizeOf(bytes()), sizeOf(User)], [16, 16, 40]);
  const [allocator] = makeAllocators();
  const user = User.make(allocator, { name: "naïve" });
  const at = user.address + offsetOf(User, "name");
  const address = new Float64Array(allocator.buffer, at, 1)[0]!;
  assertEquals(new Uint32Array(allocator.buffer, at + 8, 1)[0], 6);
  assertEquals(allocator.readText(address, 6), "naïve");
  freeStruct(allocator, user);
  assertEquals(allocator.liveBlocks, 0);
});

Deno.test("text() keeps text of every length and kind, and a new one is empty", () => {
  const [allocator] = makeAllocators();
  const user = User.make(allocator);
  assertEquals([user.name, user.photo.length], ["", 0]);
  for (const length of [0, 1, 5, 6, 16, 17, 240, 400, 401, 1000, 10_000, 70_000]) {
    for (const unit of ["a", "\0", "é", "漢", "😀", "\ufeff"]) {
      const value = unit.repeat(Math.ceil(length / unit.length));
      user.name = value;
      assertEquals(user.name, value);
      assertEquals(allocator.liveBlocks, value === "" ? 1 : 2);
    }
  }
  user.name = "a\ud83d";
  assertEquals(user.name, "a\ufffd");
  user.name = "";
  assertEquals(allocator.liveBlocks, 1);
  freeStruct(allocator, user);
  allocator.checkHeap();
  assertEquals(allocator.liveBlocks, 0);
});

Deno.test("bytes() copies what it is assigned, and reads as a view of it", () => {
  const [allocator] = makeAllocators();
  const user = User.make(allocator);
  const source = new Uint8Array([1, 2, 3]);
  user.photo = source;
  source[0] = 7;
  const { photo } = user;
  assertEquals([...photo], [1, 2, 3]);
  photo[1] = 9;
  assertEquals([...user.photo], [1, 9, 3]);
  user.assign({ photo: user.photo }); // its own bytes
  assertEquals([...user.photo], [1, 9, 3]);
  user.assign({ photo: new Uint8Array(100_000).fill(5) });
  assertEquals(user.photo, new Uint8Array(new SharedArrayBuffer(100_000)).fill(5));
  user.assign({ photo: new Uint8Array() });
  assertEquals(allocator.liveBlocks, 1);
  freeStruct(allocator, user);
  assertEquals(allocator.liveBlocks, 0);
});

Deno.test("freeStruct() frees what fields own, in nested structs and arrays too, on any thread", () => {
  const [first, second] = makeAllocators();
  const tree = Tree.make(first, {
    user: { name: "x".repeat(300), photo: new Uint8Array(3) },
    notes: ["one", "", "three"],
    tag: "t",
  });
  assertEquals(first.liveBlocks, 5);
  freeStruct(second, tree);
  second.flushRemoteFrees();
  first.drainRemoteFrees();
  assertEquals([first.liveBlocks, second.liveBlocks], [0, 0]);
  const list = array(text(), 2).make(first, ["a", "b"]);
  assertEquals(first.liveBlocks, 3);
  freeStruct(first, list);
  assertEquals(first.liveBlocks, 0);
});

Deno.test("freeStruct() frees a struct once, and what it owned no second time", () => {
  const [allocator] = makeAllocators();
  const user = User.make(allocator, { name: "Ada" });
  freeStruct(allocator, user);
  assertThrows(() => freeStruct(allocator, user), DoubleFreeError);
  allocator.checkHeap();
  const other = User.make(allocator, { name: "Grace" });
  const { address } = other;
  const third = User.make(allocator, { name: "Mary" });
  other.at(third.address);
  freeStruct(allocator, other, address); // the view was moved
  assertEquals(other.name, "Mary");
  freeStruct(allocator, other);
  assertEquals(allocator.liveBlocks, 0);
});

Deno.test("freeStruct() refuses what is no view, and a view of another segment", () => {
  const [allocator] = makeAllocators();
  const [stranger] = makeAllocators();
  const user = User.make(allocator);
  assertThrows(
    () => freeStruct(allocator, user.address as unknown as typeof user),
    TypeError,
    `Cannot free ${user.address}: expected a view of a struct or of an array`,
  );
  assertThrows(() => freeStruct(allocator, null as unknown as typeof user), TypeError, "null");
  assertThrows(
    () => freeStruct(stranger, user),
    TypeError,
    `Cannot free the struct at ${user.address}: it lies in another segment than the allocator`,
  );
  freeStruct(allocator, user);
});

Deno.test("a copy of a struct owns text and bytes of its own", () => {
  const [first, second] = makeAllocators();
  const line = first.allocateText("not owned");
  const Both = struct("Both", { tree: Tree, words: text({ owned: false }), n: u8 });
  const one = Both.make(first, {
    tree: { user: { id: 3, name: "Ada", photo: new Uint8Array([1]) }, notes: ["x", "y", "z"] },
    words: first.bytes(line.address, line.byteLength),
    n: 8,
  });
  const two = Both.make(second, one);
  assertEquals(two.toJSON(), one.toJSON());
  assertEquals(two.words, "not owned");
  one.tree.user.name = "changed";
  one.tree.notes.set(1, "changed too");
  assertEquals([two.tree.user.name, two.tree.notes.get(1)], ["Ada", "y"]);
  two.assign(two); // to itself
  one.assign(two);
  assertEquals(one.toJSON(), two.toJSON());
  freeStruct(first, one);
  freeStruct(second, two);
  first.free(line.address);
  assertEquals([first.liveBlocks, second.liveBlocks], [0, 0]);
});

Deno.test("text and bytes that are not owned stay where they lie, and are not freed", () => {
  const [allocator] = makeAllocators();
  const request = allocator.allocateText("GET /naïve HTTP/1.1");
  const all = allocator.bytes(request.address, request.byteLength);
  const line = Line.make(allocator, { words: all.subarray(5, 11), raw: all });
  assertEquals(line.words, "naïve");
  all[5] = "N".charCodeAt(0);
  assertEquals([line.words, line.raw[5]], ["Naïve", "N".charCodeAt(0)]);
  line.assign({ words: all.subarray(0, 0) });
  assertEquals(line.words, "");
  freeStruct(allocator, line);
  assertEquals(allocator.liveBlocks, 1);
  allocator.free(request.address);
  const elsewhere = Line.at(allocator, 4096);
  const expected = "expected a Uint8Array over the segment of the struct";
  for (const value of [new Uint8Array(3), "text", null, 4096]) {
    const given = value as unknown as Uint8Array;
    assertThrows(() => elsewhere.assign({ words: given }), TypeError, expected);
    assertThrows(() => elsewhere.assign({ raw: given }), TypeError, expected);
  }
});

Deno.test("text() and bytes() refuse values of the wrong kind, and keep what was there", () => {
  const [allocator] = makeAllocators();
  const user = User.make(allocator, { name: "Ada", photo: new Uint8Array([1]) });
  for (const value of [undefined, null, 7, new Uint8Array(2), {}]) {
    assertThrows(
      () => user.name = value as unknown as string,
      TypeError,
      "in User.name (text): expected a string",
    );
  }
  for (const value of [undefined, null, 7, "x", [1, 2], new Uint16Array(2), new ArrayBuffer(2)]) {
    assertThrows(
      () => user.photo = value as unknown as Uint8Array,
      TypeError,
      "in User.photo (bytes): expected a Uint8Array",
    );
  }
  assertEquals([user.name, user.photo[0]], ["Ada", 1]);
  freeStruct(allocator, user);
  for (const [options, shown] of [[null, "null"], [7, "7"], [{ owned: "no" }, '"no"']] as const) {
    assertThrows(
      () => text(options as unknown as { owned: true }),
      TypeError,
      `Cannot define text of ${shown}: expected { owned: true } or { owned: false }`,
    );
    assertThrows(
      () => bytes(options as unknown as { owned: true }),
      TypeError,
      `Cannot define bytes of ${shown}: expected { owned: true } or { owned: false }`,
    );
  }
});

Deno.test("a struct of another thread's slice cannot be assigned text, and can be read", () => {
  const segment = new SharedArrayBuffer(2 * SLICE_BYTES);
  const slices = [0, 1].map((i) => ({ byteOffset: i * SLICE_BYTES, byteLength: SLICE_BYTES }));
  const allocator = Allocator.create(segment, slices, 0);
  // Nobody on this thread owns the second slice.
  const user = User.at(segment, SLICE_BYTES + 4096);
  assertThrows(
    () => user.name = "Ada",
    RangeError,
    "Cannot store User.name (text): the struct lies in a slice that is not this thread's",
  );
  assertThrows(() => user.assign({ photo: new Uint8Array(1) }), RangeError, "User.photo (bytes)");
  assertEquals(user.name, "");
  assertEquals(allocator.liveBlocks, 0);
});

Deno.test("make() that fails frees what it had stored, and so does a slice without room", () => {
  const [allocator] = makeAllocators();
  assertThrows(
    () => User.make(allocator, { name: "Ada", photo: "wrong" as unknown as Uint8Array }),
    TypeError,
  );
  assertEquals(allocator.liveBlocks, 0);
  const user = User.make(allocator, { name: "Ada" });
  assertThrows(() => user.name = "x".repeat(2 * SLICE_BYTES), BadAllocError, "User.name");
  assertThrows(
    () => user.assign({ photo: new Uint8Array(2 * SLICE_BYTES) }),
    BadAllocError,
    "User.photo",
  );
  assertEquals([user.name, user.photo.length], ["Ada", 0]);
  freeStruct(allocator, user);
  assertEquals(allocator.liveBlocks, 0);
});

Deno.test("a struct that owns blocks is not made in an arena, whose end would not free them", () => {
  const [allocator] = makeAllocators();
  using arena = allocator.arena();
  assertThrows(
    () => User.make(arena, { name: "Ada" }),
    TypeError,
    "Cannot make User in an arena: it owns text or bytes in blocks of their own",
  );
  const { address, byteLength } = allocator.allocateText("in a line");
  const line = Line.make(arena, { words: allocator.bytes(address, byteLength) });
  assertEquals(line.words, "in a line");
  allocator.free(address);
  freeStruct(arena, line);
});

Deno.test("a pair of address and length that leads out of the segment is a RangeError", () => {
  const segment = new SharedArrayBuffer(65536);
  const user = User.at(segment, 4096);
  const at = 4096 + offsetOf(User, "name");
  new Float64Array(segment, at, 1)[0] = 65530;
  const length = new Uint32Array(segment, at + 8, 1);
  length[0] = 6;
  assertEquals(user.name, "\0".repeat(6));
  length[0] = 7;
  assertThrows(
    () => user.name,
    RangeError,
    "Cannot read 7 bytes at address 65530, as a field of a struct says: the segment has 65536 bytes",
  );
  new Float64Array(segment, at, 1)[0] = NaN;
  assertThrows(() => user.name, RangeError, "Cannot read 7 bytes at address NaN");
});

Deno.test("a field that is not owned refers to 4 GiB at most", () => {
  const size = 2 ** 32 + 65536;
  const segment = new SharedArrayBuffer(size, { maxByteLength: size });
  const line = Line.at(segment, 4096);
  line.assign({ raw: new Uint8Array(segment, 65536, 2 ** 32 - 1) });
  assertEquals(line.raw.length, 2 ** 32 - 1);
  assertThrows(
    () => line.assign({ raw: new Uint8Array(segment, 0, 2 ** 32) }),
    RangeError,
    "Cannot store 4294967296 bytes in Line.raw (bytes): expected 4294967295 at most",
  );
});

Deno.test("text and bytes are plain data in toJSON(), and cannot be followed or viewed as elements", () => {
  const [allocator] = makeAllocators();
  const user = User.make(allocator, { id: 1, name: "Ada", photo: new Uint8Array([1, 2]) });
  const plain = user.toJSON();
  assertEquals(plain, { id: 1, name: "Ada", photo: new Uint8Array([1, 2]) });
  assert(plain.photo.buffer instanceof ArrayBuffer);
  const again = User.make(allocator, plain);
  assertEquals(again.toJSON(), plain);
  assertThrows(() => user.deref("name"), TypeError, "it is of type text");
  const notes = array(text(), 2).make(allocator, ["a", "b"]);
  assertThrows(() => notes.elements, TypeError, "Cannot view elements of type text");
  const Node = struct("Node", { to: pointer(() => text()) });
  const node = Node.at(allocator, 4096).assign({ to: 8192 });
  assertThrows(() => node.deref("to"), TypeError, "it points to text, expected a struct");
  for (const view of [user, again, notes]) freeStruct(allocator, view);
  assertEquals(allocator.liveBlocks, 0);
});

Deno.test("random assignments of text and bytes keep what a Map keeps, and leak nothing", () =>
  withRandom((random) => {
    const [allocator] = makeAllocators();
    const users = Array.from({ length: 20 }, () => User.make(allocator));
    const expected = users.map(() => ({ id: 0, name: "", photo: new Uint8Array() }));
    for (let step = 0; step < 3000; step++) {
      const i = random.below(users.length);
      const length = random.below(8) === 0 ? random.below(3000) : random.below(40);
      switch (random.below(4)) {
        case 0:
          users[i]!.name = expected[i]!.name = "añ漢x"[random.below(4)]!.repeat(length);
          break;
        case 1:
          expected[i]!.photo = new Uint8Array(length).fill(step);
          users[i]!.assign({ photo: expected[i]!.photo });
          break;
        case 2: {
          const from = random.below(users.length);
          users[i]!.assign(users[from]!);
          expected[i] = { ...expected[from]! };
          break;
        }
        default:
          freeStruct(allocator, users[i]!);
          users[i] = User.make(allocator, expected[i]);
      }
      assertEquals(users[i]!.toJSON(), expected[i]);
    }
    const owned = expected.map(({ name, photo }) => +(name !== "") + +(photo.length > 0));
    assertEquals(allocator.liveBlocks, owned.reduce((sum, n) => sum + n, users.length));
    allocator.checkHeap();
    for (const user of users) freeStruct(allocator, user);
    assertEquals(allocator.liveBlocks, 0);
  }));
