/**
 * The functions that `piscina.ts` calls; piscina passes one argument.
 *
 * @module
 */

/** The sum of both fields. */
export function add(task: { a: number; b: number }): number {
  return task.a + task.b;
}

/** The bytes as they came. */
export function echo(bytes: Uint8Array): Uint8Array {
  return bytes;
}
