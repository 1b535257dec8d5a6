/** Worker entry: the consumer of `handover.ts`. Loaded by URL, never imported. */
import { consume, type HandoverWork } from "./handover.ts";

self.onmessage = (event: MessageEvent<HandoverWork>) => consume(event.data);
self.postMessage("ready");
