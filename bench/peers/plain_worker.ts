/**
 * What a program writes without any library: `postMessage` with a number for each call, and a Map
 * from that number to the promise that waits.
 *
 * @module
 */

/** A call: the reply carries the same number. */
export interface PlainRequest {
  readonly id: number;
  readonly method: string;
  readonly parameters: readonly unknown[];
}

/** The result of the call with that number. */
export interface PlainReply {
  readonly id: number;
  readonly value: unknown;
}

/** A Worker that says "ready" and then answers each request with one reply. */
export class PlainWorker {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #ready = Promise.withResolvers<void>();
  #lastId = 0;

  private constructor(url: URL) {
    this.#worker = new Worker(url, { type: "module" });
    this.#worker.onmessage = (event: MessageEvent<PlainReply | "ready">) => {
      if (event.data === "ready") return this.#ready.resolve();
      const { id, value } = event.data;
      this.#waiting.get(id)?.resolve(value);
      this.#waiting.delete(id);
    };
    this.#worker.onerror = (event) => {
      event.preventDefault();
      const error = new Error(`The postMessage worker failed: ${event.message}`);
      this.#ready.reject(error);
      for (const call of this.#waiting.values()) call.reject(error);
    };
  }

  /** Starts the module as a Worker. */
  static async start(url: URL): Promise<PlainWorker> {
    const worker = new PlainWorker(url);
    // A message that is posted before the worker has a handler is lost.
    await worker.#ready.promise;
    return worker;
  }

  /** Calls a method there. @param transfer what moves instead of being copied */
  call<Result>(
    method: string,
    parameters: readonly unknown[],
    transfer: Transferable[] = [],
  ): Promise<Result> {
    const id = ++this.#lastId;
    const waiter = Promise.withResolvers<unknown>();
    this.#waiting.set(id, waiter);
    this.#worker.postMessage({ id, method, parameters } satisfies PlainRequest, transfer);
    return waiter.promise as Promise<Result>;
  }

  /** Ends the worker. */
  close(): Promise<void> {
    return Promise.resolve(this.#worker.terminate());
  }
}
