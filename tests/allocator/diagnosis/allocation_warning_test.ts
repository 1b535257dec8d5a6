/** The large-allocation warning, and what users of Seastar's reported of theirs. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { Allocator } from "../../../allocator/mod.ts";
import { type LargeAllocation, LargeAllocationWarning } from "../../../allocator/diagnosis/mod.ts";

const SLICE = { byteOffset: 0, byteLength: 1 << 22 };

function make(thresholdBytes: number) {
  const allocator = Allocator.create(new SharedArrayBuffer(SLICE.byteLength), [SLICE], 0);
  const reports: LargeAllocation[] = [];
  const warning = new LargeAllocationWarning(allocator, {
    thresholdBytes,
    report: (allocation) => reports.push(allocation),
  });
  /** Allocates, and says whether that was reported. */
  const isReported = (byteLength: number): boolean => {
    const before = reports.length;
    const address = allocator.malloc(byteLength);
    assert(address !== 0);
    allocator.free(address);
    return reports.length > before;
  };
  return { allocator, reports, warning, isReported };
}

Deno.test("an allocation of exactly the threshold is large, one byte less is not", () => {
  const { allocator, isReported } = make(1000);
  assert(!isReported(999));
  assertEquals(allocator.statistics().largeMallocs, 0);
  assert(isReported(1000));
  assertEquals(allocator.statistics().largeMallocs, 1);
});

Deno.test("a large allocation is reported with what was asked for, and where", () => {
  const { allocator, reports } = make(1000);
  function askForMuch(): number {
    return allocator.malloc(5000);
  }
  const address = askForMuch();
  const [report] = reports;
  assertEquals([report?.byteLength, report?.address], [5000, address]);
  assertEquals([report?.thresholdBytes, report?.unreported], [1000, 0]);
  assertEquals(report?.stack[0]?.functionName, "askForMuch");
  assertEquals(report?.stack[0]?.url, import.meta.url);
  assertStringIncludes(
    report!.message,
    `Large allocation: 5000 bytes at address ${address} of slice 0, threshold 1000\n` +
      `    at askForMuch (${import.meta.url}:`,
  );
});

Deno.test("calloc, memalign and a realloc that moves can be large", () => {
  const { allocator, reports, warning } = make(1000);
  const report = (allocate: () => number) => {
    warning.thresholdBytes = 1000;
    const before = reports.length;
    allocate();
    return reports.length - before;
  };
  assertEquals(report(() => allocator.calloc(100, 10)), 1);
  assertEquals(report(() => allocator.memalign(64, 1000)), 1);
  const address = allocator.malloc(8);
  allocator.malloc(8);
  assertEquals(report(() => allocator.realloc(address, 1000)), 1);
  assertEquals(allocator.statistics().largeMallocs, 3);
});

Deno.test("the threshold rises by 1.618 with each report", () => {
  const { warning, isReported } = make(1000);
  const raised: number[] = [];
  for (let i = 0; i < 4; i++) {
    assert(isReported(warning.raisedThresholdBytes));
    raised.push(warning.raisedThresholdBytes);
  }
  assertEquals(raised, [1618, 2618, 4236, 6854]);
  assert(!isReported(6853));
});

Deno.test("the raised threshold comes back, a step for 20 large allocations below it", () => {
  const { warning, isReported } = make(1000);
  for (let i = 0; i < 4; i++) isReported(warning.raisedThresholdBytes);
  const steps: number[] = [];
  while (warning.raisedThresholdBytes > 1000) {
    const before = warning.raisedThresholdBytes;
    let allocations = 0;
    while (warning.raisedThresholdBytes === before) {
      assert(!isReported(1000));
      allocations++;
    }
    assertEquals(allocations, 20);
    steps.push(warning.raisedThresholdBytes);
  }
  assertEquals(steps, [4236, 2618, 1618, 1000]);
  assert(isReported(1000));
});

Deno.test("a report says how many large allocations were not", () => {
  const { reports, isReported } = make(1000);
  isReported(1000);
  for (let i = 0; i < 5; i++) isReported(1200);
  assert(isReported(1618));
  assertEquals(reports.at(-1)?.unreported, 5);
  assertStringIncludes(reports.at(-1)!.message, "5 since the last report not reported");
  assert(isReported(3000));
  assertEquals(reports.at(-1)?.unreported, 0);
});

Deno.test("small allocations neither raise nor lower the threshold", () => {
  const { warning, isReported } = make(1000);
  isReported(1000);
  for (let i = 0; i < 100; i++) isReported(999);
  assertEquals(warning.raisedThresholdBytes, 1618);
});

Deno.test("a threshold of 0 turns the warning off, at the start and later", () => {
  const { allocator, warning, isReported } = make(0);
  assert(!isReported(100_000));
  warning.thresholdBytes = 1000;
  assert(isReported(100_000));
  warning.thresholdBytes = 0;
  assert(!isReported(1_000_000));
  assertEquals(allocator.statistics().largeMallocs, 1);
});

Deno.test("thresholdBytes is what was set, however far reports have raised it", () => {
  const { warning, isReported } = make(1000);
  isReported(1000);
  isReported(5000);
  assertEquals(warning.thresholdBytes, 1000);
  assertEquals(warning.raisedThresholdBytes, 2618);
  warning.thresholdBytes = 2000;
  assertEquals([warning.thresholdBytes, warning.raisedThresholdBytes], [2000, 2000]);
});

Deno.test("LargeAllocationWarning.scope() restores the threshold and how far it was raised", () => {
  const { warning, isReported } = make(1000);
  isReported(1000);
  {
    using _off = warning.scope(0);
    assert(!isReported(100_000));
    {
      using _higher = warning.scope(50_000);
      assert(!isReported(49_999));
      assert(isReported(50_000));
      assertEquals(warning.thresholdBytes, 50_000);
    }
    assertEquals(warning.thresholdBytes, 0);
    assert(!isReported(100_000));
  }
  assertEquals([warning.thresholdBytes, warning.raisedThresholdBytes], [1000, 1618]);
  const scope = warning.scope(0);
  scope[Symbol.dispose]();
  warning.thresholdBytes = 3000;
  scope[Symbol.dispose]();
  assertEquals(warning.thresholdBytes, 3000);
});

Deno.test("a report may change the threshold, and is given for one allocation once", () => {
  const allocator = Allocator.create(new SharedArrayBuffer(SLICE.byteLength), [SLICE], 0);
  let reports = 0;
  const warning = new LargeAllocationWarning(allocator, {
    thresholdBytes: 1000,
    report: () => {
      reports++;
      warning.thresholdBytes = 2000;
    },
  });
  allocator.malloc(5000);
  assertEquals([reports, allocator.statistics().largeMallocs], [1, 1]);
  assertEquals(warning.thresholdBytes, 2000);
});

Deno.test("LargeAllocationWarning ends when it is disposed of", () => {
  const { warning, isReported } = make(1000);
  warning[Symbol.dispose]();
  assert(!isReported(5000));
});

Deno.test("LargeAllocationWarning refuses a threshold that is none", () => {
  for (const bytes of [-1, 0.5, NaN, Infinity]) {
    assertThrows(
      () => make(bytes),
      RangeError,
      `Cannot warn from ${bytes} bytes: expected a whole number, 0 or more`,
    );
  }
  assertThrows(() => make("1 MiB" as unknown as number), TypeError, "Cannot warn from 1 MiB bytes");
});
