/** Tasks of the tests of large and unequal memory. */
import { defineTasks, f64, localAllocator, string, struct, type Task } from "@tidepool/core";

const Reading = struct("Reading", { value: f64, unit: string(12) });

interface MemoryTasks {
  readonly allocate: Task<[number], number>;
  readonly makeReading: Task<[number], number>;
  readonly raiseReading: Task<[number], string>;
  readonly freeAll: Task<number[], void>;
  readonly liveBlocks: Task<[], number>;
}

export const memoryTasks: MemoryTasks = defineTasks(import.meta.url, {
  allocate: (byteLength: number): number => localAllocator().malloc(byteLength),
  makeReading: (value: number): number =>
    Reading.make(localAllocator(), { value, unit: "µg/m³" }).address,
  raiseReading: (address: number): string => {
    const reading = Reading.at(localAllocator(), address);
    reading.value += 1;
    return `${reading.value} ${reading.unit}`;
  },
  freeAll: (...addresses: number[]): void => {
    const allocator = localAllocator();
    for (const address of addresses) allocator.free(address);
    allocator.flushRemoteFrees();
  },
  liveBlocks: (): number => {
    const allocator = localAllocator();
    allocator.drainRemoteFrees();
    return allocator.statistics().liveBlocks;
  },
});
