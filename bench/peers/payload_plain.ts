/**
 * Values to a plain Worker: by `postMessage` as they are, or as transferred bytes of msgpackr.
 *
 * @module
 */
import type { CallPeer, EchoPeer } from "./payload_peer.ts";
import { PlainWorker } from "./plain_worker.ts";

/** A worker that gets the values as they are. */
export async function openPostMessage(): Promise<CallPeer> {
  const worker = await PlainWorker.start(new URL("./payload_worker.ts", import.meta.url));
  return {
    add: (a, b) => worker.call("add", [a, b]),
    echo: (value) => worker.call("echo", [value]),
    close: () => worker.close(),
  };
}

/** A worker that gets the bytes of msgpackr, in buffers that move. @param values all that will be sent */
export async function openTransferredMsgpackr(values: readonly unknown[]): Promise<EchoPeer> {
  const { msgpackrOf, structuresOf } = await import("./payload_msgpackr.ts");
  const structures = structuresOf(values);
  const format = msgpackrOf(structures);
  const worker = await PlainWorker.start(new URL("./payload_msgpackr_worker.ts", import.meta.url));
  await worker.call("agree", [structures]);
  return {
    echo: async (value) => {
      // A buffer of its own: msgpackr writes many messages into one.
      const bytes = format.encode(value).slice();
      return format.decode(await worker.call("echo", [bytes], [bytes.buffer]));
    },
    close: () => worker.close(),
  };
}
