/**
 * What the host of a runtime needs beside the class: loaded when one is started, while its Workers load what is
 * theirs. The shards, whose tasks import the class with all else that the package exports, never load it.
 *
 * @module
 */

export { checkHeap, memoryReport, walkHeap } from "../../allocator/diagnosis/mod.ts";
export { Opener } from "./opening.ts";
export { Shutdown } from "./shutdown.ts";
export { Supervisor } from "./supervisor.ts";
