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
  defineTasks,
  type Endpoint,
  findTask,
  localEndpoint,
  NoReplicaError,
  oneErrorOf,
  ShardCrashedError,
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

/** By the name of the value. */
const replicas = new Map<string, Replica>();
/** Values whose home this shard has been, in this life. */
let madeHere = 0;

/** The copy that this shard has of the value `name`. */
export function findReplica(name: string): Replica | undefined {
  return replicas.get(name);
}

/** Takes a version of the value, unless there is a newer one. */
function put(name: string, version: number, value: unknown): void {
  let replica = replicas.get(name);
  if (replica === undefined) replicas.set(name, replica = new Replica());
  if (version <= replica.version) return;
  replica.version = version;
  replica.value = value;
}

function drop(name: string): void {
  const replica = replicas.get(name);
  if (replica === undefined) return;
  replicas.delete(name);
  // There are names here that have found it already.
  replica.version = 0;
  replica.value = undefined;
}

/** Brings the home's version to those of `shards` that live; one that comes back is seen to then. */
async function tell(name: string, shards: readonly number[]): Promise<void> {
  const endpoint = localEndpoint();
  const { version, value } = replicas.get(name)!;
  await onEach(
    endpoint,
    shards,
    (shard) => endpoint.submitTo(shard, replicaTasks.put, [name, version, value]),
  );
}

async function onEach(
  endpoint: Endpoint,
  shards: readonly number[],
  call: (shard: number) => Promise<void>,
): Promise<void> {
  const others = shards.filter((shard) => shard !== endpoint.id);
  const outcomes = await Promise.allSettled(others.map(call));
  const errors = outcomes
    .filter((outcome) => outcome.status === "rejected")
    .map(({ reason }) => reason)
    .filter((reason) => !(reason instanceof ShardCrashedError));
  if (errors.length === 0) return;
  throw oneErrorOf(
    errors,
    () => `${errors.length} of ${others.length} shards failed: ${textOf(errors[0])}`,
  );
}

/** The copy at home of a value that can still be changed. */
function expectHome(name: string): Replica & { changes: Promise<unknown> } {
  const replica = replicas.get(name);
  if (replica?.changes !== undefined) return replica as Replica & { changes: Promise<unknown> };
  throw new NoReplicaError(
    `Cannot find a replicated value at its home, shard ${localEndpoint().id}: it was stopped, or the shard started again`,
    localEndpoint().id,
  );
}

/** Makes a change, behind those before it, unless it is given up before it is made. */
async function change(
  name: string,
  findMaker: () => TaskFunction | Promise<TaskFunction>,
  args: readonly unknown[] = [],
): Promise<void> {
  const home = expectHome(name);
  const endpoint = localEndpoint();
  const served = endpoint.bus.currentCall;
  const made = home.changes.then(async () => {
    const make = async () => {
      const maker = await findMaker();
      const run = () => maker(home.value, ...args);
      return await (served === undefined ? run() : endpoint.bus.runAs(served, run));
    };
    const value = await (served === undefined ? make() : unlessAborted(served.signal, make));
    checkRepeatable(endpoint, [value]);
    put(name, home.version + 1, value);
    await tell(name, allShards(endpoint));
  });
  home.changes = Promise.allSettled([made]);
  await made;
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

/** Brings the values whose home is here to a shard that was started again, behind their changes. */
export function restore(shard: number): void {
  for (const [name, replica] of replicas) {
    if (replica.changes === undefined) continue; // always so on the host, which is no value's home
    const endpoint = localEndpoint();
    const told = replica.changes
      .then(() => tell(name, [shard]))
      .catch((error) => endpoint.warn(error));
    replica.changes = told;
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
}

/** The tasks behind `Replicated`. */
export const replicaTasks: ReplicaTasks = defineTasks(import.meta.url, {
  put,
  drop,
  /** Makes a value whose home is here; its name, unique for all lives of all shards. */
  async make(value: unknown): Promise<string> {
    const endpoint = localEndpoint();
    checkRepeatable(endpoint, [value]);
    const { id } = endpoint;
    const name = `${id}.${endpoint.epochOf(id)}.${madeHere++}`;
    put(name, 1, value);
    replicas.get(name)!.changes = Promise.resolve();
    try {
      await tell(name, allShards(endpoint));
    } catch (error) {
      await replicaTasks.stop.run(name);
      throw error;
    }
    return name;
  },
  fetch: (name: string) => expectHome(name).value,
  set: (name: string, value: unknown) => change(name, () => () => value),
  /** Makes what a task makes of it: the task's arguments, the name of the value, module and key. */
  update: (...values: unknown[]) => {
    const [name, module, key] = values.splice(-3) as [string, string, string];
    // Enters the order of changes at once; the module may have to be loaded.
    return change(name, () => findTask(module, key), values);
  },
  /** Lets all copies go, when the changes so far are made. */
  async stop(name: string): Promise<void> {
    const replica = replicas.get(name);
    const last = replica?.changes;
    if (last === undefined) return;
    replica!.changes = undefined;
    await last;
    const endpoint = localEndpoint();
    drop(name);
    await onEach(
      endpoint,
      allShards(endpoint),
      (shard) => endpoint.submitTo(shard, replicaTasks.drop, [name]),
    );
  },
});
