/**
 * Code made for one list of keys. Where the names of fields are known at run time only, each store is a
 * look-up of its own, 20 to 30 ns; where they stand in the source, an object of six fields takes as long as
 * one of those, and has the hidden class of the program's own. After the record readers of msgpackr, with
 * this difference: where the engine may make no code from text, all works as before.
 *
 * @module
 */

/** So many objects of a shape pass before it is worth 0.1 ms. */
export const COMPILE_AFTER = 100;

/**
 * A function that makes an object with these fields, whose values `reader` reads in order; undefined if the
 * engine may make no code. "__proto__" must not be among the keys: it would be the prototype.
 */
export function compileReader(
  keys: readonly string[],
  reader: { value(): unknown },
): (() => object) | undefined {
  const fields = keys.map((key) => `${JSON.stringify(key)}: reader.value()`);
  return compile(["reader"], `return () => ({ ${fields.join()} });`)?.(reader);
}

/**
 * A function that hands these fields of an object to `writer`, in order; undefined if the engine may make no
 * code. What is thrown on the way, by a getter or the writer, goes to `failed` with the index of the field,
 * and what that gives is thrown.
 */
export function compileWriter(
  keys: readonly string[],
  writer: { value(value: unknown): void },
  failed: (error: unknown, index: number) => unknown,
): ((object: object) => void) | undefined {
  const fields = keys.flatMap((
    key,
    i,
  ) => [`i = ${i};`, `writer.value(o[${JSON.stringify(key)}]);`]);
  const body = ["return (o) => {", "let i = 0;", "try {", ...fields, "} catch (e) {"];
  body.push("throw failed(e, i);", "} };");
  return compile(["writer", "failed"], body.join("\n"))?.(writer, failed);
}

// deno-lint-ignore no-explicit-any -- what the text says is known to the two above alone
type Made = (...parameters: any[]) => any;

function compile(parameters: string[], body: string): Made | undefined {
  try {
    return new Function(...parameters, body) as Made;
  } catch (error) {
    if (error instanceof EvalError) return undefined; // --disallow-code-generation-from-strings
    throw error;
  }
}
