/** One error of every class that the library exports, for both threads of a test. */
import * as library from "@tidepool/core";
import * as allocator from "@tidepool/core/allocator";
import * as foreign from "@tidepool/core/foreign";
import * as shard from "@tidepool/core/shard";

/** A class of errors that users can catch. */
export type ExportedErrorClass = new (...args: never[]) => Error;

/** Every one that some entry point exports, by its name. */
export const exportedErrorClasses: ReadonlyMap<string, ExportedErrorClass> = new Map(
  [library, allocator, shard, foreign]
    .flatMap((entry) => Object.values(entry) as unknown[])
    .filter(isErrorClass)
    .map((errorClass) => [errorClass.name, errorClass]),
);

function isErrorClass(exported: unknown): exported is ExportedErrorClass {
  return typeof exported === "function" && exported.prototype instanceof Error;
}

/** What each is made from, where any text will not do. */
const ARGUMENTS: Readonly<Record<string, readonly unknown[]>> = {
  BadAllocError: [{
    byteLength: 1e6,
    alignment: 8,
    freeBytes: 10,
    largestFreeBytes: 5,
    totalBytes: 1e6,
    oversized: true,
  }, "a list"],
  BusyError: [3, 65_536],
  DoubleFreeError: ["free", 64, 1, "it was freed before"],
  InvalidAddressError: ["free", 64, 1, "no block begins there"],
  MessageMemoryError: [910, 5, 2_000_000],
  NoReplicaError: ["Cannot read the copy of shard 1", 1],
  NoShardedInstanceError: [1, "Echo"],
  ShardCrashedError: [1, new TypeError("the cause", { cause: new RangeError("its cause") })],
  ShardRestartingError: [1, new TypeError("the cause")],
  ShardStartError: [1, new TypeError("the cause")],
  StaleForeignPtrError: [1],
  WrongShardError: ["Cannot unwrap a foreign pointer here", 1],
};

/** An error of the class of that name; all the same each time but for the stack. */
export function makeError(name: string): Error {
  const errorClass = exportedErrorClasses.get(name)!;
  const args = ARGUMENTS[name] ?? ["why", 64, "found"];
  return new errorClass(...args as never[]);
}

/** What can be seen of an error but its stack, as text that can be compared. */
export function seen(error: unknown): string {
  if (!(error instanceof Error)) return `no error: ${error}`;
  const { name, message, cause } = error;
  const fields = Object.entries(error).filter(([key]) => key !== "cause" && key !== "name");
  return JSON.stringify([
    error.constructor.name,
    Object.getPrototypeOf(Object.getPrototypeOf(error)).constructor.name,
    name,
    message,
    fields.sort(([a], [b]) => a < b ? -1 : 1),
    cause === undefined ? null : seen(cause),
  ]);
}
