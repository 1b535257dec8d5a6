/**
 * The tasks of msgpackr over the bus, in a module of their own: only their shard loads the library.
 *
 * @module
 */
import { defineTasks, type Task } from "@tidepool/core";
import { msgpackrOf, type Structures } from "./payload_msgpackr.ts";
import type { Format } from "./payload_peer.ts";

interface MsgpackrTasks {
  readonly agree: Task<[Structures], void>;
  readonly echo: Task<[Uint8Array], Uint8Array>;
}

let format: Format<Uint8Array>;

/** What a shard is asked, `agree` first. */
export const msgpackrTasks: MsgpackrTasks = defineTasks(import.meta.url, {
  agree: (structures: Structures): void => {
    format = msgpackrOf(structures);
  },
  echo: (bytes: Uint8Array): Uint8Array => format.encode(format.decode(bytes)),
});
