/** Where `deno task mutants` changes a source, and where it does not: see mutants/mutation_points.ts. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Toy } from "./toy.ts";

async function changes(source: string): Promise<string[]> {
  await using toy = await Toy.of(source);
  return await toy.list();
}

Deno.test("mutants: operators, each for its neighbour", async () => {
  const source =
    "export const f = (a: number, b: number) => [a + b, a << b, a & b, -a, ~a, a ** b];";
  const line = (at: string, change: string) => `module: ${source.replace(at, change)}`;
  assertEquals(await changes(source), [
    line("a + b", "a [+ → -] b"),
    line("a << b", "a [<< → >>] b"),
    line("a & b", "a [& → |] b"),
    line("-a", "[delete -]a"),
    line("~a", "[delete ~]a"),
    line("a ** b", "a [** → *] b"),
  ]);
});

Deno.test("mutants: comparisons, their bounds, and the operands of && || and ??", async () => {
  assertEquals(await changes("export const less = (a: number, b: number) => a < b;"), [
    "module: export const less = (a: number, b: number) => a [< → <=] b;",
    "module: export const less = (a: number, b: number) => a [< → >=] b;",
  ]);
  assertEquals(await changes("export const or = (a?: number, b?: number) => a ?? b;"), [
    "module: export const or = (a?: number, b?: number) => [a ?? b → a];",
    "module: export const or = (a?: number, b?: number) => [a ?? b → b];",
  ]);
});

Deno.test("mutants: conditions both ways, and what they guard is not deleted as well", async () => {
  const source = `function f(a: number) {
  if (!(a === 7)) return;
  while (a > 0) a--;
}`;
  assertEquals(await changes(source), [
    "f: if ([!(a === 7) → true]) return;",
    "f: if ([!(a === 7) → false]) return;",
    "f: if (!(a === [7 → 8])) return;",
    "f: while ([a > 0 → false]) a--;",
    "f: while (a [> → >=] 0) a--;",
    "f: while (a [> → <=] 0) a--;",
    "f: while (a > [0 → 1]) a--;",
    "f: while (a > 0) [delete a--;]",
    "f: while (a > 0) a[-- → ++];",
  ]);
});

Deno.test("mutants: constants, statements, calls that may be none, and where they are", async () => {
  const source = `class Box {
  full = false;
  get size(): number {
    return 1;
  }
  add(call?: () => void): void {
    call?.();
    this.name("x");
  }
}`;
  assertEquals(await changes(source), [
    "Box: full = [false → true];",
    "Box.size: [delete return 1;]",
    "Box.size: return [1 → 0];",
    "Box.add: [delete call?.();]",
    "Box.add: call[delete ?.]();",
    'Box.add: [delete this.name("x");]',
    'Box.add: this.name(["x" → ""]);',
  ]);
});

Deno.test("mutants: an operation of Atomics becomes plain accesses, between which others may come", async () => {
  const source = "export const swap = (w: Int32Array) => Atomics.compareExchange(w, 0, 0, 0);";
  const [first] = await changes(source);
  assertEquals(
    first,
    "module: export const swap = (w: Int32Array) => [Atomics.compareExchange → plain accesses](w, 0, 0, 0);",
  );
  // The engine's own operation refuses a Proxy; the plain accesses go through it.
  await using toy = await Toy.of(
    source,
    `import { swap } from "./toy.ts";
const accesses: string[] = [];
const words = new Proxy(new Int32Array(1), {
  get: (_, key) => accesses.push("read " + String(key)) - 1,
  set: (_, key) => accesses.push("write " + String(key)) > 0,
});
Deno.test("swap()", () => {
  try {
    swap(words);
  } catch (error) {
    if (error instanceof TypeError) return;
  }
  if (accesses.join() !== "read 0,write 0") throw new Error(accesses.join());
});`,
  );
  const { files } = await toy.report("--line", "1");
  assertEquals(files[0]!.mutants[0]!.status, "survived");
});

Deno.test("mutants: not in types, imports, comments, templates, texts of errors, or steps of loops", async () => {
  const source = `import { x } from "./x.ts";
/** 1 + 1 */
type Pair = [1, "two"];
interface Named { readonly name: "name" | true }
function f<T extends 1 | 2>(a: T): Pair {
  for (const i of x) {}
  throw new RangeError("not " + (1 + 2) + \`and \${a}\`);
}
function g(): Error {
  return new TypeError("no" + 1);
}
export { f as "f" };
for (let i = 5; ; i++) {}
`;
  assertEquals(await changes(source), [
    "f: [delete for (const i of x) {}]",
    'f: [delete throw new RangeError("not " + (1 + 2) + `and ${a}`);]',
    'g: [delete return new TypeError("no" + 1);]',
    "module: for (let i = [5 → 6]; ; i++) {}",
  ]);
});

Deno.test("mutants: equal changes of equal lines in one function are told apart", async () => {
  assertEquals(await changes("function f(a: () => void) {\n  a();\n  a();\n}"), [
    "f: [delete a();]",
    "f: [delete a();] (2)",
  ]);
});

Deno.test("mutants: what is not TypeScript is refused, with its line", async () => {
  await using toy = await Toy.of("const a = 1;\nconst = 2;\n");
  const { code, stderr } = await toy.run("--list");
  assertEquals(code, 2);
  assertStringIncludes(stderr, "Cannot read toy.ts:2: Variable declaration expected.");
});
