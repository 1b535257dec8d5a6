/**
 * What an endpoint, shard or host, keeps and does for the foreign pointers that it holds.
 *
 * @module
 */

import type { Endpoint } from "../shard/unstable_layers.ts";
import { foreignTasks } from "./foreign_tasks.ts";
import { HomeShard } from "./home_shard.ts";
import { OutgoingDestructions } from "./outgoing_destructions.ts";
import type { PointerHolders } from "./pointer_holders.ts";
import { type PointerState, PointerWatch } from "./pointer_state.ts";
import { STRUCT_UNIT_BYTES } from "./pointer_wire_layout.ts";

/** The foreign pointers of one endpoint, a part of it: see `Endpoint.part()`. */
export class EndpointPointers {
  /** The endpoint. */
  readonly endpoint: Endpoint;
  /** Its part as the home of its own objects. */
  readonly home: HomeShard;
  /** Who holds what. */
  readonly holders: PointerHolders;
  /** What it destroys on other shards. */
  readonly destructions: OutgoingDestructions;
  /** Finds its pointers that the garbage collector has taken. */
  readonly watch: PointerWatch = new PointerWatch();

  constructor(endpoint: Endpoint) {
    this.endpoint = endpoint;
    this.home = endpoint.part(HomeShard);
    this.holders = this.home.holders;
    this.destructions = new OutgoingDestructions(endpoint);
    endpoint.whenAsleep(() => this.watch.begin());
  }

  /** The address of what lies in a slice: OBJECT of pointer_wire_layout.ts, negative. */
  addressOf(owner: number, object: number): number {
    return this.endpoint.layout.slices[owner]!.byteOffset - object * STRUCT_UNIT_BYTES;
  }

  /**
   * Asks the owner for copies of what `source` holds, which counts the request if it is on its way.
   * Resolves to a foreign pointer; with a count, to an array of them.
   *
   * @throws Why it is not: then the owner will hear of no request.
   */
  askForCopies(source: PointerState, count: number | undefined): Promise<object> {
    const { endpoint } = this;
    const { owner, handle, generation } = source;
    const reply = count === undefined
      ? endpoint.submitOrThrow(owner, foreignTasks.copy, [handle, generation])
      : endpoint.submitOrThrow(owner, foreignTasks.copyMany, [handle, generation, count]);
    source.copies++;
    return reply;
  }

  /** Tells the owner that a pointer was lost to the garbage collector here. */
  lose(owner: number, handle: number, generation: number, copies: number): void {
    const { destructions, endpoint } = this;
    if (!endpoint.bus.open) return;
    endpoint.submitTo(owner, foreignTasks.lose, [handle, generation, copies])
      .catch(() => destructions.destroyUnattended(owner, handle, generation, copies));
  }
}
