/** Where shards lie: what the kernel is asked, on paper, and what it says, on this machine. */
import { Runtime, type RuntimeOptions, ShardCrashedError } from "@tidepool/core";
import type { PlacementOptions, ShardPlacement } from "@tidepool/core/shard";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { SegmentLayout } from "../../../shard/calls/mod.ts";
import { MADV_HUGEPAGE, openLibc } from "../../../shard/machine/mod.ts";
import { Placement } from "../../../shard/host/placement.ts";
import { NODE_TREES } from "../../harness/node_trees.ts";
import { ADDRESS, type PaperMachine, RecordedLibc, THREAD } from "../../harness/recorded_libc.ts";
import { busTasks } from "../bus/bus_tasks.ts";

const { libc, whyNot } = openLibc();
const MIB = 2 ** 20;
const TRANSPARENT_HUGE_PAGES = "/sys/kernel/mm/transparent_hugepage/enabled";

const layout = new SegmentLayout({
  shardCount: 2,
  ringSlots: 4,
  sliceBytes: [8 * MIB, 4 * MIB],
  hostSliceBytes: MIB,
});
const [FIRST, SECOND] = layout.slices.map(({ byteOffset }) => ADDRESS + byteOffset);

/** Places on a machine of two nodes that exists on paper. */
function place(options: PlacementOptions, machine: Partial<PaperMachine> = {}) {
  const warnings: string[] = [];
  const files = NODE_TREES.twoNodes;
  const libc = new RecordedLibc({ cpus: [0, 1, 2, 3], nodes: [0, 1], files, ...machine });
  const buffer = new SharedArrayBuffer(4096);
  const warn = (warning: Error) => void warnings.push(warning.message);
  return { libc, warnings, placement: new Placement(options, layout, buffer, warn, { libc }) };
}

Deno.test("placement binds each slice to the node of its shard, and nothing else", () => {
  const { libc, warnings, placement } = place({ pin: [3, 0], numa: true });
  assertEquals(libc.calls, [
    ["preferNode", FIRST, 8 * MIB, 1],
    ["preferNode", SECOND, 4 * MIB, 0],
  ]);
  assertEquals([placement.threadPlan(0), placement.threadPlan(1)], [{ cpus: [3] }, { cpus: [0] }]);
  assertEquals([warnings, placement.read(0).problems], [[], []]);
});

Deno.test("placement locks the whole segment, and has huge pages in the slices of shards alone", () => {
  const { libc, placement } = place({ hugePages: true, lock: true, prefault: true });
  assertEquals(libc.calls, [
    ["madvise", FIRST, 8 * MIB, MADV_HUGEPAGE],
    ["lockOnFault", FIRST, 8 * MIB],
    ["madvise", SECOND, 4 * MIB, MADV_HUGEPAGE],
    ["lockOnFault", SECOND, 4 * MIB],
    ["lockOnFault", ADDRESS, FIRST! - ADDRESS],
  ]);
  const begin = layout.slices[1]!.byteOffset;
  assertEquals(placement.threadPlan(1), { cpus: [], prefault: [begin, begin + 4 * MIB] });
});

Deno.test("placement of nothing asks nothing, and still says where the shards are", () => {
  const { libc, placement } = place({});
  assertEquals(libc.calls, []);
  assertEquals(placement.threadPlan(1), { cpus: [] });
  placement.placed(1, { threadId: THREAD, problems: [] });
  assertEquals(placement.read(1).cpus, [0, 1, 2, 3]);
});

Deno.test("a refusal is one warning for all whom it concerns, and a problem of each", () => {
  const { warnings, placement } = place({ pin: true, lock: true }, {
    refuses: { lockOnFault: 12 },
  });
  const problem = "Cannot lock the memory: mlock2 failed with ENOMEM: " +
    "raise the limit of locked memory (ulimit -l), or grant CAP_IPC_LOCK";
  assertEquals(warnings, [`${problem} (placement of shard 0, shard 1, the host)`]);
  assertEquals([0, 1, 2].map((each) => placement.read(each).problems), [
    [problem],
    [problem],
    [problem],
  ]);
});

Deno.test("what a thread could not do is a warning, and a problem until its next life", () => {
  const { warnings, placement } = place({ pin: [0, 9] });
  placement.placed(1, { threadId: THREAD, problems: ["Cannot pin"] });
  assertEquals(warnings, ["Cannot pin (placement of shard 1)"]);
  assertEquals([0, 1].map((each) => placement.read(each).problems), [[], ["Cannot pin"]]);
  placement.placed(1, { threadId: THREAD, problems: [] });
  assertEquals(placement.read(1).problems, []);
});

Deno.test("placement pins the host where the list says so, and lets it go where it was", () => {
  const { libc, warnings, placement } = place({ pin: [3, 0, 2] });
  assertEquals([placement.threadPlan(0), placement.threadPlan(1)], [{ cpus: [3] }, { cpus: [0] }]);
  assertEquals(libc.calls, []);
  placement.pinHost();
  assertEquals(libc.calls, [["pin", 2]]);
  placement.releaseHost();
  placement.releaseHost();
  assertEquals(libc.calls, [["pin", 2], ["pin", 0, 1, 2, 3]]);
  assertEquals(warnings, []);
});

Deno.test("placement leaves alone a host that it was not told of, or could not pin", () => {
  for (const pin of [true, "node", [1, 2]] as const) {
    const { libc, placement } = place({ pin });
    placement.pinHost();
    placement.releaseHost();
    assertEquals(libc.calls, []);
  }
  const { libc, warnings, placement } = place({ pin: [0, 1, 9] }, { refuses: { pin: 22 } });
  placement.pinHost();
  placement.releaseHost();
  assertEquals(libc.calls, [["pin", 9]]);
  const problem = "Cannot pin the thread to cpu 9: sched_setaffinity failed with EINVAL: " +
    "the machine has no such cpu, or this process may not run on it";
  assertEquals(warnings, [`${problem} (placement of the host)`]);
  assertEquals([0, 1, 2].map((each) => placement.read(each).problems), [[], [], [problem]]);
});

Deno.test("placement says that the system has no huge pages", () => {
  const files = { ...NODE_TREES.oneNode, [TRANSPARENT_HUGE_PAGES]: "always madvise [never]\n" };
  const { placement } = place({ hugePages: true }, { files });
  const problem = `no huge pages: write madvise to ${TRANSPARENT_HUGE_PAGES}`;
  assertEquals([0, 1, 2].map((each) => placement.read(each).problems), [[problem], [problem], []]);
});

Deno.test("placement without a C library plans nothing, and says why without a warning", () => {
  const warn = (warning: Error) => {
    throw warning;
  };
  const options = { pin: true, numa: true, lock: true, hugePages: true, prefault: true };
  const buffer = new SharedArrayBuffer(4096);
  const placement = new Placement(options, layout, buffer, warn, { whyNot: "no reason" });
  assertEquals(placement.threadPlan(0), undefined);
  for (const endpoint of [0, 1, 2]) {
    assertEquals(placement.read(endpoint), {
      cpus: [],
      cpu: undefined,
      node: undefined,
      nodeVerified: false,
      presentBytes: undefined,
      hugePageBytes: undefined,
      lockedBytes: undefined,
      problems: ["nothing was placed: no reason"],
    });
  }
});

Deno.test("Runtime.start() without placement opens no library and asks for no permission", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--no-prompt",
      "--allow-read",
      "--allow-ffi",
      new URL("./programs/placement_asks.ts", import.meta.url).href,
    ],
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  const { without, opened, asked, problems } = JSON.parse(new TextDecoder().decode(stdout));
  assertEquals(without, 0);
  assertEquals(problems, ["nothing was placed: the option `placement` was left out"]);
  // With it, the host asks for each path, and opens one: so the counts count.
  assertEquals([asked > 0, opened], [whyNot === undefined, whyNot === undefined ? 1 : 0]);
});

Deno.test("Runtime.start() refuses a placement of the wrong kind, or out of range", async () => {
  const refused: [unknown, typeof TypeError, string][] = [
    [
      "numa",
      TypeError,
      'Cannot start a runtime with placement that is the text "numa": expected object',
    ],
    [[], TypeError, "Cannot start a runtime with placement that is an array: expected an object"],
    [
      { pinned: true },
      TypeError,
      "Cannot start a runtime with placement.pinned: expected pin, numa, hugePages, lock, prefault",
    ],
    [
      { numa: 1 },
      TypeError,
      "Cannot start a runtime with placement.numa that is of type number: expected boolean",
    ],
    [
      { pin: "core" },
      TypeError,
      'Cannot start a runtime with placement.pin that is the text "core": expected boolean, "node" or an array of cpus',
    ],
    [
      { pin: [0, "1"] },
      TypeError,
      'Cannot pin shard 1 to a cpu that is the text "1": expected a number',
    ],
    [
      { pin: [0, 1.5] },
      RangeError,
      "Cannot pin shard 1 to cpu 1.5: expected a whole number from 0 to 8191",
    ],
    [
      { pin: [8192, 0] },
      RangeError,
      "Cannot pin shard 0 to cpu 8192: expected a whole number from 0 to 8191",
    ],
    [
      { pin: [0, 0, null] },
      TypeError,
      "Cannot pin the host to a cpu that is null: expected a number",
    ],
    [
      { pin: [0, 0, -1] },
      RangeError,
      "Cannot pin the host to cpu -1: expected a whole number from 0 to 8191",
    ],
    ...[[], [0], [0, 0, 0, 0]].map((pin): typeof refused[number] => [
      { pin },
      RangeError,
      `Cannot pin 2 shards to ${pin.length} cpus: expected one each, and at most one more, for the host`,
    ]),
  ];
  for (const [placement, errorClass, message] of refused) {
    const options = { shards: 2, memory: "8MiB", placement } as RuntimeOptions;
    const error = await assertRejects(() => Runtime.start(options), errorClass);
    assertEquals(error.message, message);
  }
});

const allowed = libc?.affinity(0).value ?? [];

/** A test on this machine, if its kernel can be asked. */
function testHere(name: string, body: () => Promise<void>, reason = whyNot): void {
  Deno.test({
    name: reason === undefined ? name : `${name} (left out: ${reason})`,
    ignore: reason !== undefined,
    fn: body,
  });
}

/** The numbers of the threads of this process. */
function threads(): Set<string> {
  return new Set([...Deno.readDirSync("/proc/self/task")].map(({ name }) => name));
}

/** What the system says of a thread; nothing of one that has ended meanwhile. */
function statusOf(thread: string): string {
  try {
    return Deno.readTextFileSync(`/proc/self/task/${thread}/status`);
  } catch (error) {
    if (/os error [23]\)/.test(String(error))) return ""; // ENOENT or ESRCH
    throw error;
  }
}

/** Of the Workers that have been started since `before`, the cpus that each may run on, sorted. */
function cpusOfWorkers(before: ReadonlySet<string>): string[] {
  return [...threads().difference(before)]
    .map(statusOf)
    .filter((status) => /^Name:\s*worker/m.test(status))
    .map((status) => /^Cpus_allowed_list:\s*(.*)$/m.exec(status)![1]!)
    .sort();
}

function start(placement: PlacementOptions, options: RuntimeOptions = {}): Promise<Runtime> {
  return Runtime.start({ shards: 4, memory: "64MiB", placement, ...options });
}

function placements(runtime: Runtime): ShardPlacement[] {
  return Array.from({ length: runtime.shardCount }, (_, shard) => runtime.placement(shard));
}

testHere(
  "four shards are pinned to the cpus of a list, as the system's own files say",
  async () => {
    const [one = 0, other = one] = allowed;
    const pin = [one, other, one, other];
    const before = threads();
    await using runtime = await start({ pin });
    assertEquals(placements(runtime).map(({ cpus }) => cpus), pin.map((cpu) => [cpu]));
    assertEquals(cpusOfWorkers(before), pin.map(String).sort());
    await runtime.invokeOnAll(busTasks.id);
    assertEquals(placements(runtime).map(({ cpu }) => cpu), pin);
    assertEquals(runtime.placement(4).cpus, allowed, "the host stays free");
  },
);

testHere("the host has the cpu at the end of the list until the runtime ends", async () => {
  const [one = 0, other = one] = allowed;
  const before = threads();
  const options = { shards: 2, onCrash: "fail" } as const;
  const runtime = await start({ pin: [one, one, other] }, options);
  assertEquals([0, 1, 2].map((each) => runtime.placement(each).cpus), [[one], [one], [other]]);
  assertEquals(cpusOfWorkers(before), [one, one].map(String));
  assertEquals(libc!.affinity(0).value, [other]);
  await runtime.stop();
  assertEquals(libc!.affinity(0).value, allowed, "after stop()");
  const failing = await start({ pin: [one, one, other] }, options);
  assertEquals(libc!.affinity(0).value, [other]);
  failing.abort(new Error("no more of it"));
  assertEquals(libc!.affinity(0).value, allowed, "after abort()");
  await assertRejects(() => failing.closed, Error, "no more of it");
  await failing.stop();
});

testHere("pin: true gives each shard a cpu, or none if there are too few", async () => {
  const count = Math.min(allowed.length, navigator.hardwareConcurrency);
  await using runtime = await start({ pin: true }, { shards: count });
  const cpus = placements(runtime).map((each) => each.cpus);
  assertEquals(cpus.map(({ length }) => length), cpus.map(() => 1));
  assertEquals(new Set(cpus.flat()).size, count);
  await using more = await start({ pin: true }, { shards: count + 1 });
  for (const { cpus, problems } of placements(more)) {
    assertEquals(cpus, allowed);
    assertEquals(problems, [
      `no shard is pinned: ${count + 1} shards share the time of ${count} cpus`,
    ]);
  }
});

testHere("memory is bound to its node, touched and locked, and the kernel says so", async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => warnings.push(warning);
  const options = { pin: "node", numa: true, lock: true, prefault: true } as const;
  await using runtime = await start(options, { onWarning });
  for (const { node, nodeVerified, presentBytes, lockedBytes, problems } of placements(runtime)) {
    assertEquals(presentBytes, 16 * MIB);
    const refused = (call: string) => problems.some((problem) => problem.includes(call));
    assertEquals(nodeVerified, !refused("mbind"), `on node ${node}`);
    assertEquals(lockedBytes, refused("mlock2") ? 0 : 16 * MIB);
    assertEquals(problems.length > 0, warnings.length > 0);
  }
  for (let shard = 0; shard < 4; shard++) runtime.checkHeap(shard);
});

const thp = libc?.readText(TRANSPARENT_HUGE_PAGES).value;
const whyNoHugePages = whyNot ??
  (thp === undefined || thp.includes("[never]") ? "no transparent huge pages" : undefined);

testHere("hugePages has most of a slice in huge pages, once it is touched", async () => {
  await using runtime = await start({ hugePages: true, prefault: true });
  for (const { hugePageBytes, presentBytes, problems } of placements(runtime)) {
    assertEquals(problems, []);
    assertEquals(presentBytes, 16 * MIB);
    // All but the two that a slice shares; under pressure the system may have no more of them.
    assert(hugePageBytes! >= 6 * MIB, `${hugePageBytes} bytes`);
  }
}, whyNoHugePages);

testHere("a cpu that is not there is a warning, and the shard runs as before", async () => {
  const warnings: Error[] = [];
  await using runtime = await start({ pin: [8191] }, {
    shards: 1,
    onWarning: (warning) => warnings.push(warning),
  });
  const problem = "Cannot pin the thread to cpu 8191: sched_setaffinity failed with EINVAL: " +
    "the machine has no such cpu, or this process may not run on it";
  assertEquals(warnings.map(({ message }) => message), [`${problem} (placement of shard 0)`]);
  const { cpus, problems } = runtime.placement(0);
  assertEquals([cpus, problems], [allowed, [problem]]);
  assertEquals(await runtime.submitTo(0, busTasks.add, 20, 22), 42);
});

testHere("a shard that is started again has its old place", async () => {
  const [one = 0, other = one] = allowed;
  const restarted = Promise.withResolvers<void>();
  // The host is pinned too, and its cpus are what a new thread has at first.
  await using runtime = await start({ pin: [one, other, one], numa: true, prefault: true }, {
    shards: 2,
    onCrash: "restart",
    onRestart: () => restarted.resolve(),
  });
  const { nodeVerified } = runtime.placement(1);
  await assertRejects(() => runtime.submitTo(1, busTasks.crash, "throw"), ShardCrashedError);
  await restarted.promise;
  await runtime.whenUp(1);
  assertEquals(runtime.placement(1).cpus, [other]);
  assertEquals(runtime.placement(1).nodeVerified, nodeVerified);
  assertEquals(runtime.placement(1).presentBytes, 32 * MIB);
});

Deno.test("Runtime.placement() refuses what is no shard", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "8MiB" });
  const error = await assertRejects(async () => runtime.placement(await Promise.resolve(2)));
  assertStringIncludes((error as RangeError).message, "Cannot look at shard 2");
});
