/**
 * `postMessage` by hand, in the comparison of messages.
 *
 * @module
 */
import type { Caller } from "./caller.ts";
import { PlainWorker } from "./plain_worker.ts";

/** Starts a worker that answers each message with one message. */
export async function openPostMessage(): Promise<Caller> {
  const worker = await PlainWorker.start(new URL("./post_message_worker.ts", import.meta.url));
  return {
    add: (a, b) => worker.call("add", [a, b]),
    echo: (bytes) => worker.call("echo", [bytes]),
    close: () => worker.close(),
  };
}
