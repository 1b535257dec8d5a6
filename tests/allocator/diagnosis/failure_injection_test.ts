/** Allocations that fail on purpose, after Seastar's alloc_failure_injector and its users' tests. */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Allocator } from "../../../allocator/mod.ts";
import { FailureInjection, withAllocationFailures } from "../../../allocator/diagnosis/mod.ts";

function make(debugHeap = false): Allocator {
  const segment = new SharedArrayBuffer(65536);
  const slice = { byteOffset: 0, byteLength: 65536 };
  return Allocator.create(segment, [slice], 0, { debugHeap });
}

/** As an application would name it; withAllocationFailures() goes by the name. */
class BadAllocError extends RangeError {
  override name = "BadAllocError";
}

function mustMalloc(allocator: Allocator, byteLength: number): number {
  const address = allocator.malloc(byteLength);
  if (address === 0) throw new BadAllocError(`no ${byteLength} bytes`);
  return address;
}

Deno.test("FailureInjection.failAfter() fails one request, and counts up to it", () => {
  const allocator = make();
  const injection = new FailureInjection(allocator);
  injection.failAfter(2);
  const results = Array.from({ length: 5 }, () => allocator.malloc(8) === 0);
  assertEquals(results, [false, false, true, false, false]);
  assertEquals([injection.allocations, injection.failed], [3, true]);
  assertEquals(allocator.statistics().failedMallocs, 1);
  injection.failAfter(0);
  assertEquals([injection.allocations, injection.failed], [0, false]);
  assertEquals(allocator.malloc(8), 0);
});

Deno.test("FailureInjection.cancel() lets all pass, and keeps what was counted", () => {
  const allocator = make();
  const injection = new FailureInjection(allocator);
  injection.failAfter(1);
  allocator.malloc(8);
  injection.cancel();
  injection.cancel();
  assertNotEquals(allocator.malloc(8), 0);
  assertEquals([injection.allocations, injection.failed], [1, false]);
  injection.failAfter(Infinity);
  assertNotEquals(allocator.malloc(8), 0);
  assertEquals(injection.allocations, 1);
});

Deno.test("FailureInjection.failAfter() fails every form of request at one point each", () => {
  for (const debugHeap of [false, true]) {
    const forms: [string, (allocator: Allocator, address: number) => number][] = [
      ["malloc", (allocator) => allocator.malloc(100)],
      ["calloc", (allocator) => allocator.calloc(10, 10)],
      ["memalign", (allocator) => allocator.memalign(64, 100)],
      ["realloc of nothing", (allocator) => allocator.realloc(0, 100)],
      ["realloc that moves", (allocator, address) => allocator.realloc(address, 1000)],
      ["realloc that grows in place", (allocator, address) => {
        allocator.free(address);
        return allocator.realloc(allocator.malloc(20), 1000);
      }],
      ["realloc that shrinks", (allocator, address) => allocator.realloc(address, 8)],
    ];
    for (const [name, request] of forms) {
      const allocator = make(debugHeap);
      const address = allocator.malloc(20);
      const injection = new FailureInjection(allocator);
      injection.failAfter(Infinity);
      request(allocator, address);
      // The form that needs a block of its own asks for it first.
      const points = name === "realloc that grows in place" ? 2 : 1;
      assertEquals(injection.allocations, points, name);
      injection.cancel();
      const fresh = make(debugHeap);
      const block = fresh.malloc(20);
      fresh.malloc(20);
      const other = new FailureInjection(fresh);
      other.failAfter(points - 1);
      assertEquals(request(fresh, block), 0, name);
      assertEquals([other.allocations, other.failed], [points, true], name);
      fresh.checkHeap();
    }
  }
});

Deno.test("a realloc that is made to fail leaves the block as it was", () => {
  const allocator = make();
  const address = allocator.malloc(100);
  allocator.bytes(address, 100).fill(7);
  const injection = new FailureInjection(allocator);
  injection.failAfter(0);
  assertEquals(allocator.realloc(address, 5000), 0);
  assert(allocator.bytes(address, 100).every((byte) => byte === 7));
  allocator.free(address);
  allocator.checkHeap();
});

Deno.test("FailureInjection.criticalSection() neither fails nor counts, and nests", () => {
  const allocator = make();
  const injection = new FailureInjection(allocator);
  injection.failAfter(0);
  {
    using _outer = injection.criticalSection();
    {
      const inner = injection.criticalSection();
      assertNotEquals(allocator.malloc(8), 0);
      inner[Symbol.dispose]();
      inner[Symbol.dispose]();
    }
    assertNotEquals(allocator.malloc(8), 0);
  }
  assertEquals(injection.allocations, 0);
  assertEquals(allocator.malloc(8), 0);
});

Deno.test("FailureInjection of one allocator leaves the others alone", () => {
  const segment = new SharedArrayBuffer(131072);
  const slices = [0, 65536].map((byteOffset) => ({ byteOffset, byteLength: 65536 }));
  const first = Allocator.create(segment, slices, 0);
  const second = Allocator.create(segment, slices, 1);
  new FailureInjection(first).failAfter(0);
  assertNotEquals(second.malloc(8), 0);
  assertEquals(first.malloc(8), 0);
});

Deno.test("FailureInjection.failAfter() refuses what is not a number of requests", () => {
  const injection = new FailureInjection(make());
  for (const count of [-1, 1.5, NaN, -Infinity]) {
    assertThrows(
      () => injection.failAfter(count),
      RangeError,
      `Cannot fail after ${count} allocations: expected a whole number, 0 or more, or Infinity`,
    );
  }
});

Deno.test("withAllocationFailures() fails each request of a run once, then returns its result", () => {
  const allocator = make();
  const failedAt: number[] = [];
  const run = withAllocationFailures(allocator, (failing) => {
    const blocks: number[] = [];
    try {
      for (let i = 0; i < 10; i++) blocks.push(mustMalloc(allocator, 16 * i));
      return blocks.length;
    } catch (error) {
      failedAt.push(blocks.length);
      assertEquals(blocks.length, failing);
      throw error;
    } finally {
      for (const address of blocks) allocator.free(address);
    }
  });
  assertEquals(run, { result: 10, failures: 10 });
  assertEquals(failedAt, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  assertEquals(allocator.statistics().liveBlocks, 0);
  assertEquals(allocator.statistics().failedMallocs, 10);
  allocator.checkHeap();
});

Deno.test("withAllocationFailures() finds the request whose failure leaks", () => {
  const allocator = make();
  let leakAt = -1;
  withAllocationFailures(allocator, (failing) => {
    const before = allocator.statistics().liveBlocks;
    const first = allocator.malloc(8);
    const second = first === 0 ? 0 : allocator.malloc(8);
    if (second !== 0) {
      allocator.free(first);
      allocator.free(second);
    }
    if (allocator.statistics().liveBlocks > before) leakAt = failing;
  });
  assertEquals(leakAt, 1);
});

Deno.test("withAllocationFailures() takes a run that copes by returning, and wrapped errors", () => {
  const allocator = make();
  const wrapped = withAllocationFailures(allocator, () => {
    try {
      return mustMalloc(allocator, 8) > 0;
    } catch (cause) {
      throw new Error("cannot start", { cause });
    }
  });
  assertEquals(wrapped, { result: true, failures: 1 });
  const returned = withAllocationFailures(allocator, () => allocator.malloc(8) !== 0);
  assertEquals(returned, { result: true, failures: 1 });
});

Deno.test("withAllocationFailures() passes on errors that are no answer, and says which run", () => {
  const allocator = make();
  const bug = new TypeError("cannot read properties of undefined");
  const error = assertThrows(
    () =>
      withAllocationFailures(allocator, () => {
        allocator.malloc(8);
        if (allocator.malloc(8) === 0) throw bug;
      }),
    Error,
    "The run in which allocation 1 failed threw: cannot read properties of undefined",
  );
  assertEquals(error.cause, bug);
  assertNotEquals(allocator.malloc(8), 0);
  assertThrows(
    () => {
      withAllocationFailures(allocator, () => {
        throw bug;
      });
    },
    TypeError,
    "cannot read properties of undefined",
  );
  const expected = withAllocationFailures(allocator, () => {
    if (allocator.malloc(8) === 0) throw bug;
  }, { isExpected: (thrown) => thrown === bug });
  assertEquals(expected.failures, 1);
});

Deno.test("withAllocationFailures() ends where the function never comes clean", () => {
  const allocator = make();
  let requests = 0;
  assertThrows(
    () =>
      withAllocationFailures(allocator, () => {
        requests++;
        for (let i = 0; i < requests; i++) allocator.free(allocator.malloc(8));
      }, { maxRuns: 20 }),
    RangeError,
    "each of 20 runs asked for more memory than the one before",
  );
});

Deno.test("withAllocationFailures() uses the injection given, for critical sections", () => {
  const allocator = make();
  const injection = new FailureInjection(allocator);
  const { failures } = withAllocationFailures(allocator, () => {
    using _section = injection.criticalSection();
    mustMalloc(allocator, 8);
  }, { injection });
  assertEquals(failures, 0);
});

Deno.test("a cause that leads back to itself is no answer to a failed allocation", () => {
  const allocator = make();
  const circle: Error & { cause?: unknown } = new Error("circle");
  circle.cause = circle;
  assertThrows(
    () =>
      withAllocationFailures(allocator, () => {
        if (allocator.malloc(8) === 0) throw circle;
      }),
    Error,
    "The run in which allocation 0 failed threw: circle",
  );
});
