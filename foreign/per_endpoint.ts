/**
 * What this layer keeps for each endpoint. A thread may have several, one for each runtime that it takes
 * part in, and these share nothing: so no module here has a variable for what happens at run time.
 *
 * @module
 */

import type { Endpoint } from "../shard/mod.ts";

/** One `State` for each endpoint, made when it is first asked for. */
export class PerEndpoint<State> {
  readonly #states = new WeakMap<Endpoint, State>();
  readonly #make: (endpoint: Endpoint) => State;

  constructor(make: (endpoint: Endpoint) => State) {
    this.#make = make;
  }

  /** That of `endpoint`. O(1). */
  of(endpoint: Endpoint): State {
    let state = this.#states.get(endpoint);
    if (state === undefined) {
      state = this.#make(endpoint);
      this.#states.set(endpoint, state);
    }
    return state;
  }
}
