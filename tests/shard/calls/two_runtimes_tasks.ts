/** Tasks for the tests of two runtimes that meet in one thread. */
import {
  defineService,
  defineTasks,
  f64,
  type ForeignPtr,
  isShard,
  localAllocator,
  makeForeign,
  type Replicated,
  Runtime,
  type Sharded,
  SharedPtr,
  struct,
  thisShard,
  UniquePtr,
} from "@tidepool/core";
import type { Reference } from "@tidepool/core/shard";

export class Box {
  constructor(readonly text: string) {}
  read(): string {
    return this.text;
  }
  [Symbol.dispose](): void {
    gone.push(this.text);
  }
}

const gone: string[] = [];
const Point = struct("Point", { x: f64, y: f64 });

export const boxes = defineService(import.meta.url, "boxes", Box);

export const meetingTasks = defineTasks(import.meta.url, {
  open: (text: string) => makeForeign(new Box(text)),
  openShared: (text: string) => makeForeign(new SharedPtr(new Box(text))),
  openNull: () => makeForeign<Box>(null),
  openPoint: (x: number) => makeForeign(Point.make(localAllocator(), { x })),
  take: (value: unknown) => typeof value,
  read: async (pointer: ForeignPtr<Box>) => {
    await using taken = pointer;
    return await taken.invoke("read");
  },
  readLent: (box: Box | Reference<Box>) => (box as Box).read(),
  gone: () => gone.splice(0),
  local: (replicated: Replicated<string>) => replicated.local(),
  service: (sharded: Sharded<Box>) => sharded.local().read(),
  /** What a shard sees that starts a runtime of its own, where numbers and names are the same. */
  hostOfItsOwn: async (outerValue: Replicated<string>, outerService: Sharded<Box>) => {
    await using inner = await Runtime.start({ shards: 2, memory: "16MiB" });
    const value = await inner.replicate("inner");
    const service = await inner.startSharded(boxes, "inner");
    await using pointer = await inner.submitTo(1, meetingTasks.open, "inner");
    return {
      thisThread: [isShard(), thisShard()],
      read: await value.read(),
      home: value.home,
      version: value.version,
      local: messageOf(() => value.local()),
      hasLocal: service.hasLocal,
      localService: messageOf(() => service.local()),
      onShards: await service.map("read"),
      outer: [outerValue.local(), outerService.local().read()],
      replicatedThere: await inner.submitTo(1, meetingTasks.local, value),
      sentOut: await pointer.invoke("read"),
      refused: await inner.submitTo(0, meetingTasks.take, outerService).catch(String),
    };
  },
  /** What happens to a view of another runtime's struct that is taken for one of this shard's. */
  ownAnothersStruct: async () => {
    await using inner = await Runtime.start({ shards: 1, memory: "16MiB" });
    const pointer = await inner.submitTo(0, meetingTasks.openPoint, 7);
    const view = pointer.view(Point);
    const refusals = [
      messageOf(() => makeForeign(view)),
      messageOf(() => new UniquePtr(view)),
      messageOf(() => new SharedPtr(view)),
    ];
    const { x } = view;
    await pointer.destroy();
    return { refusals, x };
  },
});

function messageOf(run: () => unknown): string {
  try {
    return `nothing was thrown, but ${run()} given`;
  } catch (error) {
    return String(error);
  }
}
