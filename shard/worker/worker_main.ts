/**
 * The main module of a shard's Worker: the one module here with side effects. It is loaded by URL.
 *
 * @module
 */

import { ErrorPacker } from "../codec/mod.ts";
import { Endpoint, type EndpointSetup, enterShard, localEndpoint } from "../calls/mod.ts";
import type { ThreadPlace, ThreadPlan } from "../placement/mod.ts";
import { holdLifeLock } from "./life_lock.ts";
import type { FromShard, ToShard } from "./worker_protocol.ts";

/** The part of a Worker's global scope that is used here, also where it is checked as a window's. */
interface WorkerScope {
  readonly name: string;
  onmessage: ((event: MessageEvent<ToShard>) => void) | null;
  postMessage(message: FromShard): void;
  addEventListener(
    type: "error" | "unhandledrejection",
    listener: (event: ErrorEvent & PromiseRejectionEvent) => void,
  ): void;
}

const scope = globalThis as unknown as WorkerScope;

const packer = new ErrorPacker();

// Deno would end the whole process: these keep the thread alive until the host has been told.
scope.addEventListener("error", (event) => {
  event.preventDefault();
  scope.postMessage({ type: "crashed", error: packer.pack(event.error ?? event.message) });
});
scope.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  scope.postMessage({ type: "crashed", error: packer.pack(event.reason) });
});

/** Loads what it takes only where a place is asked for: a start without one is not to pay for it. */
async function takePlace(plan: ThreadPlan, buffer: SharedArrayBuffer): Promise<ThreadPlace> {
  const placement = await import("../placement/mod.ts");
  return await placement.takePlace(plan, buffer);
}

async function start(setup: EndpointSetup, plan?: ThreadPlan): Promise<ThreadPlace | undefined> {
  for (const { module } of setup.wireTypes) await import(module);
  // After the imports, whose threads would inherit its cpus; before it touches its slice.
  const place = plan && await takePlace(plan, setup.buffer);
  const endpoint = new Endpoint(
    setup,
    (peer) => scope.postMessage({ type: "connect", endpoint: peer }),
  );
  enterShard(endpoint);
  // A rejection means corrupted memory; it is unhandled on purpose, and so kills the shard.
  endpoint.attend();
  return place;
}

scope.onmessage = ({ data }) => {
  if (data.type === "port") {
    localEndpoint().attachChannel(data.endpoint, data.port, data.epoch);
    return;
  }
  start(data.setup, data.plan).then(
    (place) => scope.postMessage({ type: "ready", place }),
    (error) => scope.postMessage({ type: "failed", error: packer.pack(error) }),
  );
};
scope.postMessage({ type: "loaded", pulse: await holdLifeLock(scope.name) });
