/**
 * The other end of `payload_plain.ts`, where values come as bytes of msgpackr and the buffers move.
 *
 * @module
 */
import { msgpackrOf, type Structures } from "./payload_msgpackr.ts";
import type { Format } from "./payload_peer.ts";
import { serve } from "./plain_worker_end.ts";

let format: Format<Uint8Array>;

serve({
  agree: (structures: Structures): void => {
    format = msgpackrOf(structures);
  },
  echo: (bytes: Uint8Array): Uint8Array => format.encode(format.decode(bytes)).slice(),
}, (value) => value === undefined ? [] : [(value as Uint8Array<ArrayBuffer>).buffer]);
