/**
 * Random structs and unions, nested to a depth of two, laid out here and by the C compiler of this
 * machine: one program prints what it makes of all of them.
 */
import { assertEquals } from "@std/assert";
import {
  alignOf,
  array,
  atomicI32,
  atomicU64,
  bool,
  f32,
  f64,
  type FieldType,
  flags,
  i16,
  i64,
  i8,
  sizeOf,
  string,
  struct,
  type StructType,
  u16,
  u32,
  u8,
  union,
} from "../../../allocator/mod.ts";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";

const TYPES = 150;

/** A type, and how C declares a variable of it. */
interface Sample {
  readonly type: FieldType;
  readonly declare: (variable: string) => string;
}

const SCALARS: readonly Sample[] = ([
  ...[[u8, "uint8_t"], [i8, "int8_t"], [u16, "uint16_t"], [i16, "int16_t"], [u32, "uint32_t"]],
  ...[[f32, "float"], [f64, "double"], [i64, "int64_t"], [bool, "bool"]],
  ...[[atomicI32, "_Atomic int32_t"], [atomicU64, "_Atomic uint64_t"]],
  [flags(u16, ["a", "b"]), "uint16_t"],
] as [FieldType, string][]).map(([type, name]) => ({
  type,
  declare: (variable: string) => `${name} ${variable}`,
}));

/** Makes a random type; `defined` gets the definitions that C needs for it. */
function sample(random: SeededRandom, depth: number, defined: string[]): Sample {
  const choice = random.below(depth === 0 ? 5 : 9);
  if (choice < 4) return SCALARS[random.below(SCALARS.length)]!;
  const length = random.between(1, 7);
  if (choice === 4) {
    return { type: string(length), declare: (variable) => `char ${variable}[${length}]` };
  }
  if (choice === 5) {
    const inner = sample(random, depth - 1, defined);
    return {
      type: array(inner.type, length),
      declare: (variable) => inner.declare(`${variable}[${length}]`),
    };
  }
  return record(random, depth - 1, defined);
}

/** Makes a random struct or union; with a tag, C has a struct around it. */
function record(random: SeededRandom, depth: number, defined: string[]): Sample {
  const members = Array.from(
    { length: random.between(1, 5) },
    (_, index) => [`f${index}`, sample(random, depth, defined)] as const,
  );
  const table = Object.fromEntries(members.map(([name, { type }]) => [name, type]));
  const body = members.map(([name, { declare }]) => `${declare(name)};`).join(" ");
  const name = `T${defined.length}`;
  const kind = random.below(4);
  if (kind < 2) {
    defined.push(`struct ${name} { ${body} };`);
    return { type: struct(name, table), declare: (variable) => `struct ${name} ${variable}` };
  }
  if (kind === 2) {
    defined.push(`union ${name} { ${body} };`);
    return { type: union(name, table), declare: (variable) => `union ${name} ${variable}` };
  }
  const [tag, tagName] = ([[u8, "uint8_t"], [u16, "uint16_t"], [u32, "uint32_t"]] as const)[
    random.below(3)
  ]!;
  defined.push(`struct ${name} { ${tagName} tag; union { ${body} }; };`);
  return {
    type: union(name, table, { tag }),
    declare: (variable) => `struct ${name} ${variable}`,
  };
}

async function run(command: string, args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** The first C compiler that there is. */
async function compiler(): Promise<string | undefined> {
  for (const name of ["clang", "gcc", "cc"]) {
    const found = await new Deno.Command(name, { args: ["--version"] }).output()
      .then(({ success }) => success, (error) => {
        if (error instanceof Deno.errors.NotFound) return false;
        throw error;
      });
    if (found) return name;
  }
  return undefined;
}

const cc = await compiler();

Deno.test({
  name: "struct() and union() lay out random types as the C compiler of this machine",
  ignore: cc === undefined, // There is no C compiler to ask: c_layout_test.ts has what one said.
  fn: () =>
    withRandom(async (random) => {
      const defined: string[] = [];
      const records = Array.from({ length: TYPES }, () => record(random, 2, defined));
      const prints = records.flatMap(({ type, declare }) => {
        const name = declare("").trim();
        const fields = Object.keys((type as StructType<object>).offsets);
        const offsets = fields.map((field) => `offsetof(${name}, ${field})`);
        const format = Array.from({ length: 2 + fields.length }, () => "%zu").join(" ");
        const values = [`sizeof(${name})`, `_Alignof(${name})`, ...offsets].join(", ");
        return `printf("${format}\\n", ${values});`;
      });
      const source = [
        ...["stdio", "stdint", "stdbool", "stddef"].map((header) => `#include <${header}.h>`),
        ...defined,
        `int main(void) { ${prints.join("\n")} return 0; }`,
      ].join("\n");
      const folder = await Deno.makeTempDir();
      try {
        await Deno.writeTextFile(`${folder}/layout.c`, source);
        await run(cc!, ["-std=c11", "-o", `${folder}/layout`, `${folder}/layout.c`]);
        const lines = (await run(`${folder}/layout`, [])).trim().split("\n");
        assertEquals(lines.length, TYPES);
        for (const [index, { type }] of records.entries()) {
          const { offsets } = type as unknown as { offsets: Record<string, number> };
          const here = [sizeOf(type), alignOf(type), ...Object.values(offsets)].join(" ");
          assertEquals(here, lines[index], defined.join("\n"));
        }
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    }),
});
