/**
 * Many calls of one producer, no more at a time than there is room for: pipelines, bounded maps, and the
 * wait for room. And the wait for an atomic field, which blocks nobody.
 *
 * @module
 */

export { callAt, type Items, type ShardFor, type WindowOptions } from "./call_window.ts";
export { mapCalls, mapLimit } from "./map_limit.ts";
export { Pipeline, pipeline, type PipelineOptions } from "./pipeline.ts";
export { room, roomFrom } from "./room.ts";
export { waitAsync } from "./wait_async.ts";
