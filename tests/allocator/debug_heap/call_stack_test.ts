import { assert, assertEquals } from "@std/assert";
import { CallStack } from "../../../allocator/debug_heap/call_stack.ts";

/** Runs `body` with another limit, and restores it. */
function withLimit(limit: unknown, body: () => void): void {
  const before = Error.stackTraceLimit;
  Error.stackTraceLimit = limit as number;
  try {
    body();
  } finally {
    Error.stackTraceLimit = before;
  }
}

function nested(depth: number): CallStack {
  return depth === 0 ? new CallStack() : nested(depth - 1);
}

Deno.test("CallStack.frames has the calls, innermost first, with their places", () => {
  class Maker {
    make(): CallStack {
      return new CallStack();
    }
  }
  const stacks: CallStack[] = [];
  [0].forEach(() => stacks.push(new Maker().make()));
  const { frames, text } = stacks[0]!;
  assertEquals(frames.map((frame) => frame.functionName).slice(0, 3), [
    "Maker.make",
    "",
    "Array.forEach",
  ]);
  assertEquals(frames[0]?.url, import.meta.url);
  assert(frames[0]!.lineNumber > 20 && frames[0]!.columnNumber > 1);
  assertEquals([frames[2]?.url, frames[2]?.lineNumber, frames[2]?.columnNumber], ["", 0, 0]);
  assert(text.startsWith(`at Maker.make (${import.meta.url}:${frames[0]!.lineNumber}:`));
});

Deno.test("CallStack.frames reads calls of asynchronous functions", async () => {
  async function later(): Promise<CallStack> {
    await Promise.resolve();
    return new CallStack();
  }
  async function outer(): Promise<CallStack> {
    return await later();
  }
  const nameless = await (async () => await later())();
  assertEquals(nameless.frames[1]?.url, import.meta.url);
  const { frames } = await outer();
  assertEquals(frames.slice(0, 2).map((frame) => frame.functionName), ["later", "async outer"]);
  assertEquals(frames[1]?.url, import.meta.url);
});

Deno.test("CallStack has as many calls as Error.stackTraceLimit says, and leaves it as it was", () => {
  for (const limit of [1, 3, 10, 25]) {
    withLimit(limit, () => {
      assertEquals(nested(40).frames.length, limit);
      assertEquals(Error.stackTraceLimit, limit);
    });
  }
});

Deno.test("CallStack is empty where the program wants no stacks", () => {
  for (const limit of [0, undefined, NaN]) {
    withLimit(limit, () => {
      const { frames, text } = nested(3);
      assertEquals([frames, text], [[], ""]);
      assertEquals(Error.stackTraceLimit, limit as number);
    });
  }
});
