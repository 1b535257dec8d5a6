import { Allocator } from "@tidepool/core/allocator";
import { assert, assertEquals } from "@std/assert";
import { ascii, Output, OutputBlocks } from "../../../examples/memcached/output.ts";

const SLICE_BYTES = 2 ** 20;
const HEAD_BYTES = 300;
const VALUE_BYTES = 4096;

class Subject {
  readonly allocator: Allocator;
  readonly bytes: Uint8Array;
  readonly output: Output;

  constructor() {
    const slice = { byteOffset: 0, byteLength: SLICE_BYTES };
    this.allocator = Allocator.create(new SharedArrayBuffer(SLICE_BYTES), [slice], 0);
    this.bytes = this.allocator.bytes(0, SLICE_BYTES);
    this.output = new Output(new OutputBlocks(this.allocator));
  }

  get text(): string {
    return new TextDecoder().decode(this.output.view(0).slice());
  }

  /** Puts a value where it is offered, as another shard would. */
  putOffered(value: string): number {
    const address = this.output.offer(HEAD_BYTES, VALUE_BYTES);
    this.bytes.set(ascii(value), address);
    return address;
  }
}

Deno.test("Output: a value is sent from where it was offered to be put", () => {
  const subject = new Subject();
  const { output } = subject;
  for (const [before, head, value] of [["", "VALUE a ", "x".repeat(100)], ["one\r\n", "", "y"]]) {
    output.text(before!);
    const address = subject.putOffered(value!);
    output.text(head!);
    output.copy(address, value!.length);
    assertEquals(output.view(before!.length + head!.length).byteOffset, address);
    output.text("\r\n");
    assertEquals(subject.text, `${before}${head}${value}\r\n`);
    output.clear();
  }
});

Deno.test("Output: a value moves to its place behind much that waits, or behind another value", () => {
  const subject = new Subject();
  const { output } = subject;
  const parts = ["w".repeat(600), "h".repeat(HEAD_BYTES), "v".repeat(VALUE_BYTES), "END\r\n"];
  output.text(parts[0]!);
  const first = subject.putOffered(parts[2]!);
  output.text(parts[1]!);
  output.copy(first, VALUE_BYTES);
  const second = subject.putOffered("second");
  output.copy(second, 6);
  output.text(parts[3]!);
  assertEquals(subject.text, `${parts[0]}${parts[1]}${parts[2]}second${parts[3]}`);
});

Deno.test("Output: what waits survives an offer that is not taken", () => {
  const subject = new Subject();
  const { output } = subject;
  output.text("one");
  assert(subject.putOffered("garbage") > 0);
  output.text("two");
  assertEquals(subject.text, "onetwo");
});

Deno.test("Output: an offer without memory is 0, and leaves what waits as it is", () => {
  const subject = new Subject();
  const { allocator, output } = subject;
  output.text("w".repeat(1000));
  const all: number[] = [];
  for (let size = SLICE_BYTES; size >= 8; size /= 2) {
    for (let at = allocator.malloc(size); at !== 0; at = allocator.malloc(size)) all.push(at);
  }
  assertEquals(output.offer(HEAD_BYTES, VALUE_BYTES), 0);
  assertEquals(subject.text, "w".repeat(1000));
  all.forEach((address) => allocator.free(address));
});

Deno.test("OutputBlocks keeps a few blocks, and frees them at the end", () => {
  const slice = { byteOffset: 0, byteLength: SLICE_BYTES };
  const allocator = Allocator.create(new SharedArrayBuffer(SLICE_BYTES), [slice], 0);
  const unused = allocator.statistics().liveBlocks;
  {
    using blocks = new OutputBlocks(allocator);
    const outputs = Array.from({ length: 20 }, () => new Output(blocks));
    for (const output of outputs) output.text("x".repeat(outputs.indexOf(output) * 1000 + 1));
    for (const output of outputs) output.clear();
    const kept = allocator.statistics().liveBlocks - unused;
    assert(kept > 0 && kept < 10, `${kept} blocks are kept`);
    const mallocs = allocator.statistics().mallocs;
    for (let i = 0; i < 100; i++) {
      outputs[0]!.text("again");
      outputs[0]!.clear();
    }
    assertEquals(allocator.statistics().mallocs, mallocs);
  }
  assertEquals(allocator.statistics().liveBlocks, unused);
});
