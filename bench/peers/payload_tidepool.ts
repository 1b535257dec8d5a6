/**
 * Values over Tidepool's bus: as they are, or as the text or bytes that a format makes of them.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import { json, v8Format } from "./payload_formats.ts";
import type { CallPeer, EchoPeer } from "./payload_peer.ts";
import { payloads } from "./payload_tasks.ts";

/** One shard that gets the values as they are. */
export async function openTidepool(): Promise<CallPeer> {
  return callPeer(await Runtime.start({ shards: 1, memory: "64MiB" }));
}

/** The same where `shards` is left out; shard 0 gets all calls. */
export async function openDefaultShards(): Promise<CallPeer> {
  return callPeer(await Runtime.start({ memory: "64MiB" }));
}

function callPeer(runtime: Runtime): CallPeer {
  return {
    add: (a, b) => runtime.submitTo(0, payloads.add, a, b),
    echo: (value) => runtime.submitTo(0, payloads.echo, value),
    close: () => runtime.stop(),
  };
}

/** JSON text over the bus. */
export async function openJson(): Promise<EchoPeer> {
  const runtime = await Runtime.start({ shards: 1, memory: "64MiB" });
  return {
    echo: async (value) =>
      json.decode(await runtime.submitTo(0, payloads.echoJson, json.encode(value))),
    close: () => runtime.stop(),
  };
}

/** V8's bytes over the bus. */
export async function openV8(): Promise<EchoPeer> {
  const runtime = await Runtime.start({ shards: 1, memory: "64MiB" });
  return {
    echo: async (value) =>
      v8Format.decode(await runtime.submitTo(0, payloads.echoV8, v8Format.encode(value))),
    close: () => runtime.stop(),
  };
}

/** The bytes of msgpackr over the bus. @param values all that will be sent */
export async function openMsgpackr(values: readonly unknown[]): Promise<EchoPeer> {
  const { msgpackrOf, structuresOf } = await import("./payload_msgpackr.ts");
  const { msgpackrTasks } = await import("./payload_msgpackr_tasks.ts");
  const structures = structuresOf(values);
  const format = msgpackrOf(structures);
  const runtime = await Runtime.start({ shards: 1, memory: "64MiB" });
  await runtime.submitTo(0, msgpackrTasks.agree, structures);
  return {
    echo: async (value) =>
      format.decode(await runtime.submitTo(0, msgpackrTasks.echo, format.encode(value))),
    close: () => runtime.stop(),
  };
}
