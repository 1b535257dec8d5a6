/**
 * Compares two graphs of values exactly: class, -0, holes, order of keys, bytes, and which objects
 * are the same one. `assertEquals` sees neither holes nor shared references.
 *
 * @module
 */

/** Says where two values differ, or "" if they are alike in everything that travels. */
export function difference(
  actual: unknown,
  expected: unknown,
  path = "value",
  pairs: Map<object, object> = new Map(),
  taken: Set<object> = new Set(),
): string {
  if (typeof expected !== "object" || expected === null) {
    return Object.is(actual, expected) ? "" : `${path}: ${show(actual)} is not ${show(expected)}`;
  }
  if (typeof actual !== "object" || actual === null) return `${path}: ${show(actual)}, no object`;
  if (pairs.has(expected)) {
    return pairs.get(expected) === actual ? "" : `${path}: not the same object as before`;
  }
  if (taken.has(actual)) return `${path}: an object met elsewhere`;
  pairs.set(expected, actual);
  taken.add(actual);
  if (Object.getPrototypeOf(actual) !== Object.getPrototypeOf(expected)) {
    return `${path}: another prototype`;
  }
  for (const [step, inner, wanted] of parts(actual, expected)) {
    const found = difference(inner, wanted, path + step, pairs, taken);
    if (found !== "") return found;
  }
  return "";
}

function show(value: unknown): string {
  return Object.is(value, -0) ? "-0" : `${typeof value} ${String(value)}`;
}

/** What two objects of one prototype consist of, side by side. */
function parts(actual: object, expected: object): [string, unknown, unknown][] {
  if (expected instanceof Map && actual instanceof Map) return entries([...actual], [...expected]);
  if (expected instanceof Set && actual instanceof Set) return sides([...actual], [...expected]);
  if (ArrayBuffer.isView(expected) && ArrayBuffer.isView(actual)) {
    return sides(bytesOf(actual), bytesOf(expected));
  }
  if (expected instanceof ArrayBuffer && actual instanceof ArrayBuffer) {
    return [
      [".resizable", actual.resizable, expected.resizable],
      [".maxByteLength", actual.maxByteLength, expected.maxByteLength],
      ...sides([...new Uint8Array(actual)], [...new Uint8Array(expected)]),
    ];
  }
  if (expected instanceof RegExp) return sides([String(actual)], [String(expected)]);
  if (
    expected instanceof Date || expected instanceof Number || expected instanceof String ||
    expected instanceof Boolean || expected instanceof BigInt
  ) {
    return sides([actual.valueOf()], [expected.valueOf()]);
  }
  const length: [string, unknown, unknown][] = Array.isArray(expected)
    ? [[".length", (actual as unknown[]).length, expected.length]]
    : [];
  return [...length, ...entries(Object.entries(actual), Object.entries(expected))];
}

function bytesOf(view: ArrayBufferView): number[] {
  return [...new Uint8Array(view.buffer, view.byteOffset, view.byteLength)];
}

function sides(actual: unknown[], expected: unknown[]): [string, unknown, unknown][] {
  return [
    ["#", actual.length, expected.length],
    ...expected.map((wanted, i): [string, unknown, unknown] => [`/${i}`, actual[i], wanted]),
  ];
}

function entries(
  actual: [unknown, unknown][],
  expected: [unknown, unknown][],
): [string, unknown, unknown][] {
  return [
    ["#", actual.length, expected.length],
    ...expected.flatMap(([key, wanted], i): [string, unknown, unknown][] => [
      [`/${i}key`, actual[i]?.[0], key],
      [`/${i}`, actual[i]?.[1], wanted],
    ]),
  ];
}
