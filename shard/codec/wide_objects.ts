/**
 * Objects of many fields. One that grows field by field, the names known at run time only, becomes a hash
 * table at 17 of them: the engine takes it for a dictionary. It would be slow to make, and slow for
 * whoever uses it. So it is copied from a template that has all fields already.
 *
 * @module
 */

type Fields = Record<string, unknown>;

/** An object of more fields than these is copied. */
export const GROWN_FIELDS = 12;

/**
 * A copy is fast where the engine has seen templates of one kind only. So each of the first few kinds has
 * a place in the source to itself; all others share the last.
 */
const COPIES: readonly ((template: Fields) => Fields)[] = [
  (template) => ({ ...template }),
  (template) => ({ ...template }),
  (template) => ({ ...template }),
  (template) => ({ ...template }),
  (template) => ({ ...template }),
  (template) => ({ ...template }),
  (template) => ({ ...template }),
  (template) => ({ ...template }),
];
let kinds = 0;

/** A function that makes objects with these fields, which have no value yet. */
export function objectMaker(keys: readonly string[]): () => Fields {
  // By the parser, which makes an object whose fields all lie in it.
  const template: Fields = JSON.parse(
    `{${keys.map((key) => `${JSON.stringify(key)}:null`).join()}}`,
  );
  const copy = COPIES[Math.min(kinds++, COPIES.length - 1)]!;
  return () => copy(template);
}
