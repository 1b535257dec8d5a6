/** What the tests of the tutorial's sentences run on shards: a registry of objects, and friends. */
import {
  defineTasks,
  f64,
  type ForeignPtr,
  localAllocator,
  makeForeign,
  NewDelete,
  SharedPtr,
  struct,
  submitTo,
  type Task,
  thisShard,
  UniquePtr,
  type ViewOf,
} from "@tidepool/core";

/** State of the home shard that the objects refer to. */
const container = new Set<Connection>();
/** State of each shard. */
let counter = 0;
const log: string[] = [];
const received: ForeignPtr<Connection>[] = [];

/** An object that is linked into a container of its home shard. */
export class Connection {
  readonly name: string;
  received = 0;

  constructor(name: string) {
    this.name = name;
    container.add(this);
  }

  receive(bytes: number): number {
    return this.received += bytes;
  }

  where(): number {
    return thisShard();
  }

  [Symbol.dispose](): void {
    container.delete(this);
    log.push(`${this.name} destroyed on shard ${thisShard()}`);
  }
}

export const Point = struct("Point", { x: f64, y: f64 });
export type PointView = ViewOf<typeof Point>;
type Shared = ForeignPtr<Connection, "shared">;

interface TutorialTasks {
  readonly count: Task<[], number>;
  readonly fill: Task<[], number>;
  readonly family: Task<[], number[]>;
  readonly freeEach: Task<[readonly number[]], void>;
  readonly newFamily: Task<[], number[]>;
  readonly deleteEach: Task<[readonly number[]], void>;
  readonly wrap: Task<[], (ForeignPtr<Connection> | Shared)[]>;
  readonly allocate: Task<[string], number>;
  readonly read: Task<[number, number], string>;
  readonly free: Task<[number], void>;
  readonly fail: Task<[string], void>;
  readonly open: Task<[string], ForeignPtr<Connection>>;
  readonly openShared: Task<[string], Shared>;
  readonly openPoint: Task<[number, number], ForeignPtr<PointView>>;
  readonly openSharedPoint: Task<[number, number], ForeignPtr<PointView, "shared">>;
  readonly openForeignPoint: Task<[number], void>;
  readonly newPoint: Task<[], number>;
  readonly scale: Task<[PointView, number], number>;
  readonly norm: Task<[ForeignPtr<PointView> | ForeignPtr<PointView, "shared">], number>;
  readonly take: Task<[ForeignPtr<Connection>], number>;
  readonly drop: Task<[], void>;
  readonly linked: Task<[], number>;
  readonly log: Task<[], string[]>;
  readonly someMethod: Task<[Connection, number], number>;
  readonly work: Task<[Shared, number], Shared>;
  readonly workManyTimes: Task<[Shared, number], void>;
}

export const tutorialTasks: TutorialTasks = defineTasks(import.meta.url, {
  count: () => ++counter,
  /** Takes all memory there is; how many blocks of 64 KiB that was. */
  fill: () => {
    let blocks = 0;
    while (localAllocator().malloc(65_536) !== 0) blocks++;
    return blocks;
  },
  /** An address from each function of the family that gives one. */
  family: () => {
    const allocator = localAllocator();
    const addresses = [
      allocator.malloc(100),
      allocator.calloc(10, 10),
      allocator.realloc(0, 100),
      allocator.posixMemalign(64, 100),
      allocator.memalign(4096, 100),
      allocator.alignedAlloc(64, 128),
    ];
    allocator.mallocTrim();
    for (const address of addresses) {
      if (allocator.mallocUsableSize(address) < 100) throw new Error(`${address} is too small`);
    }
    return addresses;
  },
  freeEach: (addresses: readonly number[]) => {
    for (const address of addresses) localAllocator().free(address);
  },
  /** The same of the C++ family. */
  newFamily: () => {
    const memory = new NewDelete(localAllocator());
    return [
      memory.new(100),
      memory.newArray(25, 4),
      memory.new(100, { nothrow: true }),
      memory.new(100, { alignment: 64 }),
      memory.newArray(25, 4, { alignment: 64, nothrow: true }),
    ];
  },
  /** Gives it back as C++ code does: plain, as an array, by its size, by its alignment. */
  deleteEach: ([plain, array, nothrow, aligned, alignedArray]: readonly number[]) => {
    const memory = new NewDelete(localAllocator());
    memory.delete(plain!);
    memory.deleteArray(array!, { count: 25, elementBytes: 4 });
    memory.delete(nothrow!, { byteLength: 100 });
    memory.delete(aligned!, { byteLength: 100, alignment: 64 });
    memory.deleteArray(alignedArray!, { alignment: 64 });
  },
  /** A foreign pointer around an object, and around each kind of smart pointer. */
  wrap: () => [
    makeForeign(new Connection("raw")),
    makeForeign(new UniquePtr(new Connection("unique"))),
    makeForeign(new SharedPtr(new Connection("shared"))),
  ],
  allocate: (text: string) => {
    const address = localAllocator().malloc(text.length);
    new TextEncoder().encodeInto(text, localAllocator().bytes(address, text.length));
    return address;
  },
  read: (address: number, length: number) =>
    new TextDecoder().decode(localAllocator().bytes(address, length)),
  free: (address: number) => localAllocator().free(address),
  fail: (message: string) => {
    throw new RangeError(message);
  },
  open: (name: string) => makeForeign(new Connection(name)),
  openShared: (name: string) => makeForeign(new SharedPtr(new Connection(name))),
  openPoint: (x: number, y: number) => makeForeign(Point.make(localAllocator(), { x, y })),
  /** A struct with a destructor, which reads it once more. */
  openSharedPoint: (x: number, y: number) => {
    const point = Point.make(localAllocator(), { x, y });
    return makeForeign(
      new SharedPtr(point, (each) => void log.push(`point ${each.x},${each.y} unlinked`)),
    );
  },
  newPoint: () => Point.make(localAllocator()).address,
  openForeignPoint: async (shard: number) => {
    const address = await submitTo(shard, tutorialTasks.newPoint);
    try {
      makeForeign(Point.at(localAllocator(), address));
    } finally {
      localAllocator().free(address);
    }
  },
  scale: (point: PointView, factor: number) => {
    point.x *= factor;
    point.y *= factor;
    return Math.hypot(point.x, point.y);
  },
  norm: (pointer: ForeignPtr<PointView> | ForeignPtr<PointView, "shared">) => {
    using mine = pointer;
    const { x, y } = mine.view(Point);
    return Math.hypot(x, y);
  },
  take: (pointer: ForeignPtr<Connection>) => received.push(pointer),
  drop: () => received.pop()!.destroy(),
  linked: () => container.size,
  log: () => log.splice(0),
  someMethod: (connection: Connection, bytes: number) => connection.receive(bytes),
  /** Operates on the object, at its home, and returns with the object intact. */
  work: async (pointer: Shared, bytes: number) => {
    await submitTo(pointer.ownerShard, tutorialTasks.someMethod, pointer.get(), bytes);
    return pointer;
  },
  workManyTimes: async (pointer: Shared, times: number) => {
    await using mine = pointer;
    await Promise.all(Array.from({ length: times }, () => mine.invoke("receive", 1)));
  },
});
