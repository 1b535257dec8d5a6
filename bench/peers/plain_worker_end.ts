/**
 * The other end of `plain_worker.ts`.
 *
 * @module
 */
import type { PlainReply, PlainRequest } from "./plain_worker.ts";

/** Answers requests from now on. @param transferOf what of a result moves instead of being copied */
export function serve(
  // deno-lint-ignore no-explicit-any -- the caller's side has the types
  methods: Readonly<Record<string, (...parameters: any[]) => unknown>>,
  transferOf: (value: unknown) => Transferable[] = () => [],
): void {
  self.onmessage = (event: MessageEvent<PlainRequest>) => {
    const { id, method, parameters } = event.data;
    const value = methods[method]!(...parameters);
    self.postMessage({ id, value } satisfies PlainReply, transferOf(value));
  };
  self.postMessage("ready");
}
