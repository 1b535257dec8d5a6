/**
 * The tasks of `payload_tidepool.ts`, in a module that the shards can import.
 *
 * @module
 */
import { defineTasks, type Task } from "@tidepool/core";
import { json, v8Format } from "./payload_formats.ts";

interface PayloadTasks {
  readonly add: Task<[number, number], number>;
  readonly echo: Task<[unknown], unknown>;
  readonly echoJson: Task<[string], string>;
  readonly echoV8: Task<[Uint8Array], Uint8Array>;
}

/** What a shard is asked. Whatever comes as text or bytes is read and written anew. */
export const payloads: PayloadTasks = defineTasks(import.meta.url, {
  add: (a: number, b: number): number => a + b,
  echo: (value: unknown): unknown => value,
  echoJson: (text: string): string => json.encode(json.decode(text)),
  echoV8: (bytes: Uint8Array): Uint8Array => v8Format.encode(v8Format.decode(bytes)),
});
