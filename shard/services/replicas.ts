/**
 * The copies of replicated values that this shard holds, and how those whose home it is are changed:
 * one change after the other, each brought to every shard before the next begins.
 *
 * @module
 */

import { textOf } from "../codec/mod.ts";
import {
  allShards,
  checkRepeatable,
  defineHostTasks,
  defineTasks,
  type Endpoint,
  findTask,
  type HostTask,
  localEndpoint,
  NoReplicaError,
  oneErrorOf,
  otherShards,
  ShardCrashedError,
  ShardRestartingError,
  type Task,
  type TaskFunction,
} from "../calls/mod.ts";

/** The copy of this shard. */
export class Replica {
  /** Grows with each change; 0 once the value was stopped. */
  version = 0;
  /** The value itself. */
  value: unknown = undefined;
  /** On the home shard, until the value is stopped: settles with the last change so far. */
  changes: Promise<unknown> | undefined = undefined;
}

/** The copies of one endpoint, a part of it: see `Endpoint.part()`. A host has none. */
export class Replicas {
  readonly #endpoint: Endpoint;
  /** By the name of the value. */
  readonly #replicas = new Map<string, Replica>();
  /** Values whose home this shard has been, in this life. */
  #madeHere = 0;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /** The copy of the value `name`. */
  find(name: string): Replica | undefined {
    return this.#replicas.get(name);
  }

  /**
   * Takes a version of the value, unless there is a newer one. If its home is here, in a life that is over,
   * it is here again from then on.
   */
  put(name: string, version: number, value: unknown): void {
    let replica = this.#replicas.get(name);
    if (replica === undefined) {
      this.#replicas.set(name, replica = new Replica());
      if (homeOf(name) === this.#endpoint.id) replica.changes = Promise.resolve();
    }
    if (version <= replica.version) return;
    replica.version = version;
    replica.value = value;
  }

  /** Lets the copy go. */
  drop(name: string): void {
    const replica = this.#replicas.get(name);
    if (replica === undefined) return;
    this.#replicas.delete(name);
    // There are names here that have found it already.
    replica.version = 0;
    replica.value = undefined;
  }

  /** Makes a value whose home is here; its name, unique for all lives of all shards. */
  async make(value: unknown): Promise<string> {
    checkRepeatable(this.#endpoint, [value]);
    const { id, restarts } = this.#endpoint;
    // Before there is a copy anywhere: from then on it is brought to whoever comes back.
    if (restarts && this.#madeHere === 0) await this.#endpoint.askHost(homeTasks.isHome, id);
    const name = `${id}.${this.#endpoint.epochOf(id)}.${this.#madeHere++}`;
    this.put(name, 1, value);
    try {
      await this.#tell(name, allShards(this.#endpoint));
    } catch (error) {
      await this.stop(name);
      throw error;
    }
    return name;
  }

  /** The copy at home of a value that can still be changed. */
  expectHome(name: string): Replica & { changes: Promise<unknown> } {
    const replica = this.find(name);
    if (replica?.changes !== undefined) return replica as Replica & { changes: Promise<unknown> };
    const { id } = this.#endpoint;
    throw new NoReplicaError(
      `Cannot find a replicated value at its home, shard ${id}: it was stopped, or was lost when the shard died`,
      id,
    );
  }

  /** Makes a change, behind those before it, unless it is given up before it is made. */
  async change(
    name: string,
    findMaker: () => TaskFunction | Promise<TaskFunction>,
    args: readonly unknown[] = [],
  ): Promise<void> {
    const home = this.expectHome(name);
    const { bus } = this.#endpoint;
    const served = bus.currentCall;
    const made = home.changes.then(async () => {
      const make = async () => {
        const maker = await findMaker();
        const run = () => maker(home.value, ...args);
        return await (served === undefined ? run() : bus.runAs(served, run));
      };
      const value = await (served === undefined ? make() : unlessAborted(served.signal, make));
      checkRepeatable(this.#endpoint, [value]);
      this.put(name, home.version + 1, value);
      await this.#tell(name, allShards(this.#endpoint));
    });
    home.changes = Promise.allSettled([made]);
    await made;
  }

  /** Lets all copies go, when the changes so far are made. */
  async stop(name: string): Promise<void> {
    const replica = this.find(name);
    const last = replica?.changes;
    if (last === undefined) return;
    replica!.changes = undefined;
    await last;
    this.drop(name);
    await this.#onEach(
      allShards(this.#endpoint),
      (shard) => this.#endpoint.submitEarly(shard, replicaTasks.drop, [name]),
    );
  }

  /**
   * Brings copies to a shard that is being opened: of the values whose home is here, and of those whose home
   * is that shard or cannot bring them itself. Not behind the changes under way, which bring theirs.
   */
  async bringTo(shard: number): Promise<void> {
    const { bus, id } = this.#endpoint;
    bus.catchUp(); // it may be dead here still, of its former life
    const copies = [...this.#replicas].filter(([name, { changes }]) => {
      const home = homeOf(name);
      return home === id
        ? changes !== undefined
        : home === shard || bus.whyShut(home) !== undefined;
    });
    await Promise.all(copies.map(([name]) => this.#tell(name, [shard])));
  }

  /** Brings the values whose home is here again to all: the last change may have come to some alone. */
  async bringHome(): Promise<void> {
    const names = [...this.#replicas.keys()].filter((name) =>
      this.find(name)!.changes !== undefined
    );
    await Promise.all(names.map((name) => this.#tell(name, allShards(this.#endpoint))));
  }

  /**
   * Brings this endpoint's version to those of `shards` that live, also to those that are being opened. Who
   * is dead is seen to when it comes back.
   */
  async #tell(name: string, shards: readonly number[]): Promise<void> {
    const { version, value } = this.find(name)!;
    await this.#onEach(
      shards,
      (shard) => this.#endpoint.submitEarly(shard, replicaTasks.put, [name, version, value]),
    );
  }

  async #onEach(
    shards: readonly number[],
    call: (shard: number) => Promise<void>,
  ): Promise<void> {
    const others = shards.filter((shard) => shard !== this.#endpoint.id);
    const outcomes = await Promise.allSettled(others.map(call));
    const errors = outcomes
      .filter((outcome) => outcome.status === "rejected")
      .map(({ reason }) => reason)
      .filter((reason) => !isDeath(reason));
    if (errors.length === 0) return;
    throw oneErrorOf(
      errors,
      () => `${errors.length} of ${others.length} shards failed: ${textOf(errors[0])}`,
    );
  }
}

/** The home that the name of a value begins with. */
function homeOf(name: string): number {
  return parseInt(name);
}

/** Whether a call failed as its shard is dead. */
function isDeath(error: unknown): boolean {
  return error instanceof ShardCrashedError || error instanceof ShardRestartingError;
}

/** What `run` gives, or the reason of `signal` as soon as that aborts. */
async function unlessAborted<Result>(
  signal: AbortSignal,
  run: () => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    return await Promise.race([run(), aborted.promise]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** What endpoints ask of a home, and a home of the other shards. */
interface ReplicaTasks {
  readonly make: Task<[unknown], string>;
  readonly put: Task<[string, number, unknown], void>;
  readonly drop: Task<[string], void>;
  readonly fetch: Task<[string], unknown>;
  readonly set: Task<[string, unknown], void>;
  readonly update: Task<unknown[], void>;
  readonly stop: Task<[string], void>;
  readonly bringTo: Task<[number], void>;
  readonly bringHome: Task<[], void>;
}

/** The copies of the shard that this thread is. */
function localReplicas(): Replicas {
  return localEndpoint().part(Replicas);
}

/** The tasks behind `Replicated`. */
export const replicaTasks: ReplicaTasks = defineTasks(import.meta.url, {
  make: (value: unknown) => localReplicas().make(value),
  put: (name: string, version: number, value: unknown) => localReplicas().put(name, version, value),
  drop: (name: string) => localReplicas().drop(name),
  fetch: (name: string) => localReplicas().expectHome(name).value,
  set: (name: string, value: unknown) => localReplicas().change(name, () => () => value),
  /** Makes what a task makes of it: the task's arguments, the name of the value, module and key. */
  update: (...values: unknown[]) => {
    const [name, module, key] = values.splice(-3) as [string, string, string];
    // Enters the order of changes at once; the module may have to be loaded.
    return localReplicas().change(name, () => findTask(module, key), values);
  },
  stop: (name: string) => localReplicas().stop(name),
  bringTo: (shard: number) => localReplicas().bringTo(shard),
  bringHome: () => localReplicas().bringHome(),
});

/** The shards that are, or have been, homes of replicated values: a part of the host. */
class ReplicaHomes extends Set<number> {
  constructor() {
    super(); // of no endpoint's
  }
}

/** What a shard tells its host, where shards are started again. */
const homeTasks: { readonly isHome: HostTask<[number], void> } = defineHostTasks(import.meta.url, {
  isHome: (host: Endpoint, shard: number) => void host.part(ReplicaHomes).add(shard),
});

/**
 * Has replicated values brought to a shard that is being opened, from the host: each home brings its own,
 * and if the newcomer is one, the others what it has lost, and it tells all of what it has got back. Who has
 * none to bring is not asked: it may be in a long turn.
 */
export async function restoreReplicas(host: Endpoint, shard: number): Promise<void> {
  const homes = host.part(ReplicaHomes);
  const others = otherShards(host, shard).filter((other) => homes.has(shard) || homes.has(other));
  const outcomes = await Promise.allSettled(
    others.map((other) => host.submitEarly(other, replicaTasks.bringTo, [shard])),
  );
  for (const outcome of outcomes) {
    // Who has died has brought what it could; that the newcomer has, the next call says.
    if (outcome.status === "rejected" && !isDeath(outcome.reason)) throw outcome.reason;
  }
  if (homes.has(shard)) await host.submitEarly(shard, replicaTasks.bringHome, []);
}
