/**
 * What waits for signals to abort: one listener for each signal, however much waits for it, and none
 * when nothing does. A listener that stays is not nothing: it keeps what it refers to alive as long as
 * the signal is, and if that is `AbortSignal.timeout()`, the whole process for as long as that takes.
 *
 * @module
 */

/** Those who wait for the same signal. */
class Listeners<Waiter> {
  readonly #signal: AbortSignal;
  readonly #waiters = new Set<Waiter>();
  readonly #onEmpty: () => void;
  readonly #onAbort: () => void;

  constructor(
    signal: AbortSignal,
    onEmpty: () => void,
    abort: (waiter: Waiter, reason: unknown) => void,
  ) {
    this.#signal = signal;
    this.#onEmpty = onEmpty;
    this.#onAbort = () => {
      for (const waiter of this.#waiters) {
        this.delete(waiter);
        abort(waiter, signal.reason);
      }
    };
    signal.addEventListener("abort", this.#onAbort);
  }

  add(waiter: Waiter): void {
    this.#waiters.add(waiter);
  }

  /** It waits no more. */
  delete(waiter: Waiter): void {
    if (!this.#waiters.delete(waiter) || this.#waiters.size > 0) return;
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#onEmpty();
  }
}

export type { Listeners };

/** Waiters of one kind, by their signals. */
export class AbortListeners<Waiter> {
  readonly #abort: (waiter: Waiter, reason: unknown) => void;
  readonly #bySignal = new Map<AbortSignal, Listeners<Waiter>>();

  /** `abort` is called with each waiter whose signal aborts. */
  constructor(abort: (waiter: Waiter, reason: unknown) => void) {
    this.#abort = abort;
  }

  /** Has `waiter` wait for `signal`, which has not aborted; what it is to be deleted from later. */
  add(waiter: Waiter, signal: AbortSignal): Listeners<Waiter> {
    let listeners = this.#bySignal.get(signal);
    if (listeners === undefined) {
      listeners = new Listeners(signal, () => this.#bySignal.delete(signal), this.#abort);
      this.#bySignal.set(signal, listeners);
    }
    listeners.add(waiter);
    return listeners;
  }
}
