/**
 * What the host and a shard's thread say to each other by `postMessage`: how a shard starts, and
 * what it dies of. Everything else goes over the bus.
 *
 * ```
 * shard                          host
 *   ── loaded ─────────────────▶        its handler exists, it holds its life lock, and this is its pulse
 *   ◀─────────────────── start ──       the segment, and what the shard is to be, and where
 *   ── ready, or failed ───────▶        ready says which place it has taken
 *   ── connect ────────────────▶        it has something to hand over to another endpoint
 *   ◀──────────────────── port ──       one end of a channel; the other endpoint gets the other
 *   ── crashed ────────────────▶        an error outside of any task
 * ```
 *
 * The life lock has the Worker's name. It is free when the thread has gone, however it went, and then the
 * host asks the thread's pulse whether it has: see life_lock.ts. That is how the host learns of
 * `self.close()` and `Deno.exit()`, which raise no event there.
 *
 * Errors travel as the value codec's bytes, since structured clone drops an error's class.
 *
 * @module
 */

import type { EndpointSetup } from "../calls/mod.ts";
import type { ThreadPlace, ThreadPlan } from "../placement/mod.ts";

/** From a shard's thread to the host. */
export type FromShard =
  | { readonly type: "loaded"; readonly pulse: SharedArrayBuffer }
  | { readonly type: "ready"; readonly place: ThreadPlace | undefined }
  | { readonly type: "failed" | "crashed"; readonly error: Uint8Array }
  | { readonly type: "connect"; readonly endpoint: number };

/** From the host to a shard's thread. */
export type ToShard =
  | {
    readonly type: "start";
    readonly setup: EndpointSetup;
    readonly plan: ThreadPlan | undefined;
  }
  | {
    readonly type: "port";
    readonly endpoint: number;
    readonly port: MessagePort;
    readonly epoch: number;
  };
