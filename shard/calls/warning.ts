/**
 * Warnings: what went wrong where nobody waits, as the host tells it.
 *
 * @module
 */

import { textOf } from "../codec/mod.ts";

/** Gives a warning to the program, or to the console: also if the program's listener fails. */
export async function giveWarning(
  warning: Error,
  listener: (warning: Error) => unknown = printWarning,
): Promise<void> {
  try {
    await listener(warning);
  } catch (cause) {
    printWarning(warning);
    printWarning(new Error(`onWarning threw ${textOf(cause)}`, { cause }));
  }
}

function printWarning(warning: Error): void {
  // deno-lint-ignore no-console -- the default of onWarning: a program that wants silence sets its own
  console.warn(warning);
}
