/**
 * The Worker behind a shard, from its start to its end.
 *
 * @module
 */

import { ErrorPacker } from "../codec/mod.ts";
import { type EndpointSetup, ShardStartError } from "../calls/mod.ts";
import type { ThreadPlace, ThreadPlan } from "../placement/mod.ts";
import { type FromShard, hasEnded, LOCK_STOLEN, type ToShard, WORKER_URL } from "../worker/mod.ts";

/**
 * How long a thread that was told to end may take. It comes to its end when it next goes back to its
 * event loop; one that takes longer than this never will.
 */
const LAST_TURN_MS = 2000;

/** What a shard that ended without a word died of. */
const CLOSED_ITSELF = "its thread closed itself, by self.close() or Deno.exit()";

const packer = new ErrorPacker();

/** What is done about what a shard's thread says. */
export interface WorkerEvents {
  /**
   * Called once, if the thread dies after it has started and before `terminate()`, and told whether it has
   * ended, which all threads have but those that are stuck.
   */
  died(cause: unknown, hasEnded: boolean): void;
  /** It wants a channel to another endpoint. */
  connect(endpoint: number): void;
}

/** A Worker that is, or is to become, a shard. */
export class ShardWorker {
  /** Id of the shard. */
  readonly shard: number;
  /** False once the thread has died or been told to end. */
  alive = true;
  readonly #worker: Worker;
  readonly #lifeLock: string;
  #events: WorkerEvents | undefined;
  /** Resolves when the worker's handler exists. */
  readonly #loaded: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #ready: PromiseWithResolvers<ThreadPlace | undefined> = Promise.withResolvers();
  /** Ends the wait for the thread's end. */
  readonly #watch = new AbortController();
  /** Settles with that wait. */
  #watching: Promise<void> | undefined;
  readonly #ended = new AbortController();
  /** Whether nobody wants to know of its death any more. */
  #isDismissed = false;
  /** Whether it has become a shard. */
  started = false;

  /** Makes the thread, which loads its modules meanwhile. */
  constructor(shard: number) {
    this.shard = shard;
    this.#loaded.promise.catch(() => {}); // start() awaits both, and sees the failure in either
    this.#ready.promise.catch(() => {});
    this.#lifeLock = `tidepool shard ${shard} ${crypto.randomUUID()}`;
    this.#worker = new Worker(WORKER_URL, {
      type: "module",
      name: this.#lifeLock,
    });
    this.#worker.onmessage = (event: MessageEvent<FromShard>) => this.#onMessage(event.data);
    this.#worker.onerror = (event) => {
      event.preventDefault(); // or Deno ends the whole process
      this.declareDead(event.error ?? new Error(event.message));
    };
  }

  /** Makes the thread a shard, in its place if there is one for it. Rejects with `ShardStartError`. */
  async start(
    setup: EndpointSetup,
    plan: ThreadPlan | undefined,
    events: WorkerEvents,
  ): Promise<ThreadPlace | undefined> {
    this.#events = events;
    await this.#loaded.promise;
    this.#post({ type: "start", setup, plan });
    const place = await this.#ready.promise;
    this.started = true;
    return place;
  }

  /** Gives the thread one end of a channel to `endpoint`, in its life `epoch`. */
  connect(endpoint: number, port: MessagePort, epoch: number): void {
    this.#post({ type: "port", endpoint, port, epoch }, [port]);
  }

  #post(message: ToShard, transfer: Transferable[] = []): void {
    this.#worker.postMessage(message, transfer);
  }

  /** Aborts when the thread has ended: nothing of it can touch the segment any more. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  /**
   * Tells the thread to end, for good: its death is not told any more. Resolves when it has ended, or
   * `patienceMs` are over.
   */
  async terminate(patienceMs: number): Promise<void> {
    this.#isDismissed = true;
    this.alive = false;
    this.#worker.terminate();
    await this.#end(patienceMs);
  }

  /** Waits for the thread to end, but no longer than `patienceMs`, nor than a turn may take. */
  async #end(patienceMs: number): Promise<void> {
    // Not by setTimeout(), which takes 10 ms at its first use.
    const patience = AbortSignal.timeout(Math.min(patienceMs, LAST_TURN_MS));
    const giveUp = () => this.#watch.abort();
    patience.addEventListener("abort", giveUp);
    await this.#watching;
    patience.removeEventListener("abort", giveUp); // listened to, it would keep the process alive
  }

  #onMessage(message: FromShard): void {
    switch (message.type) {
      case "loaded":
        this.#watching = this.#watchLife(message.pulse);
        return this.#loaded.resolve();
      case "ready":
        return this.#ready.resolve(message.place);
      case "connect":
        return this.#events!.connect(message.endpoint);
      default:
        this.declareDead(packer.unpack(message.error));
    }
  }

  async #watchLife(pulse: SharedArrayBuffer): Promise<void> {
    try {
      if (!await hasEnded(this.#lifeLock, pulse, this.#watch.signal)) {
        return this.declareDead(new Error(LOCK_STOLEN));
      }
      this.#ended.abort();
      this.declareDead(new Error(CLOSED_ITSELF));
    } catch (error) {
      this.declareDead(error);
    }
  }

  /** Ends the thread, which has died of `cause` or might as well have. */
  declareDead(cause: unknown): void {
    if (!this.alive) return;
    this.alive = false;
    this.#worker.terminate();
    if (this.started) {
      this.#outlive(cause);
      return;
    }
    this.#watch.abort();
    const error = new ShardStartError(this.shard, cause);
    this.#loaded.reject(error);
    this.#ready.reject(error);
  }

  /**
   * Tells of the death when the thread has ended. A Worker that is terminated finishes its turn first,
   * and every microtask of it: calls are answered, memory and rings are written meanwhile. Whoever
   * took it for dead before would share the segment with it.
   */
  async #outlive(cause: unknown): Promise<void> {
    await this.#end(LAST_TURN_MS);
    if (!this.#isDismissed) this.#events!.died(cause, this.#ended.signal.aborted);
  }
}
