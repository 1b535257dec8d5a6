/**
 * Has an endpoint give back what has been free for a while, when it has nothing else to do. It looks at
 * the free memory on a timer, while it sleeps, or soon if it does not; and there is a timer only while memory is free that was
 * not given back, or something has changed since the last look: an endpoint at rest is not woken.
 *
 * @module
 */

import type { Allocator } from "../../allocator/mod.ts";

/** The first look after a change comes in this part of the time for which memory must be free. */
const FIRST_LOOK_PART = 4;
/** Bytes given back in one turn: a message that comes meanwhile waits for it, some 3 ms. */
const TURN_BYTES = 32 * 2 ** 20;

/** What an endpoint has to do with it. */
export interface IdleTrimOwner {
  /** Whether the endpoint sleeps just now. */
  readonly isAsleep: () => boolean;
  /** Told why nothing more is given back: the kernel refuses, or the heap was overwritten. */
  readonly onEnd: (why: unknown) => void;
}

/** Looks after the free memory of one endpoint. */
export class IdleTrim {
  readonly #allocator: Allocator;
  readonly #pages: { readonly problem: string | undefined };
  readonly #afterMs: number;
  readonly #owner: IdleTrimOwner;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** A look was due when the endpoint did not sleep: it comes with the next sleep. */
  #isDue = false;
  /** Since when that is so. */
  #dueSince: number | undefined;
  #hasEnded = false;

  /**
   * @param pages Those of the allocator.
   * @param afterMs For how long memory is free until it is given back.
   */
  constructor(
    allocator: Allocator,
    pages: { readonly problem: string | undefined },
    afterMs: number,
    owner: IdleTrimOwner,
  ) {
    this.#allocator = allocator;
    this.#pages = pages;
    this.#afterMs = afterMs;
    this.#owner = owner;
  }

  /** The endpoint goes to sleep. Some plain reads, unless there is something to do. */
  rest(): void {
    if (this.#hasEnded) return;
    if (this.#isDue) {
      this.#isDue = false;
      clearTimeout(this.#timer);
      this.#lookIn(0);
    } else if (this.#timer === undefined && this.#allocator["trimmer"].hasChanged) {
      this.#lookIn(this.#afterMs / FIRST_LOOK_PART);
    }
  }

  /** Looks no more. */
  stop(): void {
    this.#hasEnded = true;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #lookIn(delayMs: number): void {
    this.#timer = setTimeout(() => this.#look(), delayMs);
    Deno.unrefTimer(this.#timer); // no reason for a program to go on
  }

  #look(): void {
    this.#timer = undefined;
    const now = performance.now();
    this.#dueSince ??= now;
    const longestMs = this.#afterMs / FIRST_LOOK_PART;
    // One that messages keep awake would never look.
    this.#isDue = !this.#owner.isAsleep() && now - this.#dueSince < longestMs;
    if (this.#isDue) return this.#lookIn(longestMs);
    this.#dueSince = undefined;
    try {
      const nextMs = this.#allocator["trimmer"].look(now, this.#afterMs, TURN_BYTES);
      if (this.#pages.problem !== undefined) this.#end(this.#pages.problem);
      else if (nextMs !== undefined) this.#lookIn(nextMs);
    } catch (error) {
      this.#end(error);
    }
  }

  #end(why: unknown): void {
    this.stop();
    this.#owner.onEnd(why);
  }
}
