/**
 * What a program writes without any library: `postMessage` with a number for each call, and a Map
 * from that number to the promise that waits.
 *
 * @module
 */
import type { Caller } from "./caller.ts";
import type { PostMessageReply, PostMessageRequest } from "./post_message_worker.ts";

/** Starts a worker that answers each message with one message. */
export async function openPostMessage(): Promise<Caller> {
  const worker = new Worker(new URL("./post_message_worker.ts", import.meta.url), {
    type: "module",
  });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  const ready = Promise.withResolvers<void>();
  let lastId = 0;
  worker.onmessage = (event: MessageEvent<PostMessageReply | "ready">) => {
    if (event.data === "ready") return ready.resolve();
    const { id, value } = event.data;
    waiting.get(id)?.resolve(value);
    waiting.delete(id);
  };
  worker.onerror = (event) => {
    event.preventDefault();
    const error = new Error(`The postMessage worker failed: ${event.message}`);
    ready.reject(error);
    for (const call of waiting.values()) call.reject(error);
  };
  const call = <Result>(request: Omit<PostMessageRequest, "id">): Promise<Result> => {
    const id = ++lastId;
    const waiter = Promise.withResolvers<unknown>();
    waiting.set(id, waiter);
    worker.postMessage({ id, ...request });
    return waiter.promise as Promise<Result>;
  };
  // A message that is posted before the worker has a handler is lost.
  await ready.promise;
  return {
    add: (a, b) => call({ method: "add", parameters: [a, b] }),
    echo: (bytes) => call({ method: "echo", parameters: [bytes] }),
    close: () => Promise.resolve(worker.terminate()),
  };
}
