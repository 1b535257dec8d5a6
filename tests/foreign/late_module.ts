/** A module that loads when `late_gate.ts` lets it, and what it has to offer. */
import { defineTasks, type ForeignPtr } from "@tidepool/core";
import { gate } from "./late_gate.ts";

await gate.promise;

export const lateTasks = defineTasks(import.meta.url, {
  take: (pointer: ForeignPtr<object>): void => pointer[Symbol.dispose](),
});
