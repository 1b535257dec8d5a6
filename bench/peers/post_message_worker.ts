/**
 * The other end of `post_message.ts`.
 *
 * @module
 */

/** A call: the reply carries the same number. */
export interface PostMessageRequest {
  readonly id: number;
  readonly method: "add" | "echo";
  readonly parameters: readonly unknown[];
}

/** The result of the call with that number. */
export interface PostMessageReply {
  readonly id: number;
  readonly value: unknown;
}

self.onmessage = (event: MessageEvent<PostMessageRequest>) => {
  const { id, method, parameters } = event.data;
  const value = method === "add"
    ? (parameters[0] as number) + (parameters[1] as number)
    : parameters[0];
  self.postMessage({ id, value } satisfies PostMessageReply);
};
self.postMessage("ready");
