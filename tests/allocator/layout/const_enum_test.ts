/**
 * Hot paths have the numbers of descriptors in a `const enum` of their own, as the engine compiles a
 * number to less than the constant of another module. Here every such copy, in whichever file it is,
 * is held against what it copies.
 */
import { assert, assertEquals } from "@std/assert";
import * as arena from "../../../allocator/layout/arena_layout.ts";
import * as block from "../../../allocator/layout/block_layout.ts";
import * as control from "../../../allocator/layout/control_layout.ts";
import * as sizes from "../../../allocator/layout/size_class.ts";
import * as small from "../../../allocator/placement/small_cache.ts";

const ALLOCATOR = new URL("../../../allocator/", import.meta.url);

const DESCRIBED: Readonly<Record<string, unknown>> = {
  ...arena,
  ...block,
  ...control,
  ...sizes,
  ...small,
};

/** What the descriptors append to the names of an enum's members. */
const SUFFIXES: Readonly<Record<string, string>> = {
  Flag: "",
  Front: "_WORD",
  Link: "_LINK_WORD",
  Mark: "_MARK",
  Size: "",
  Small: "",
  Word: "_WORD",
};

interface Copy {
  readonly file: string;
  /** As the descriptors call it; undefined for an enum that the test does not know. */
  readonly name: string | undefined;
  readonly value: number;
}

/** The members of const enums that are numbers; the others are made of these. */
function copiesIn(file: string, text: string): Copy[] {
  const enums = [...text.matchAll(/^const enum (\w+) \{\n([\s\S]*?)^\}/gm)];
  return enums.flatMap(([, name, body]) =>
    [...body!.matchAll(/^ {2}(\w+) = (\d+),$/gm)].map(([, member, value]) => {
      const suffix = SUFFIXES[name!];
      return {
        file,
        name: suffix === undefined ? undefined : `${member}${suffix}`,
        value: Number(value),
      };
    })
  );
}

async function copies(): Promise<Copy[]> {
  const found: Copy[] = [];
  for await (const room of Deno.readDir(ALLOCATOR)) {
    if (!room.isDirectory) continue;
    for await (const { name } of Deno.readDir(new URL(`${room.name}/`, ALLOCATOR))) {
      const text = await Deno.readTextFile(new URL(`${room.name}/${name}`, ALLOCATOR));
      found.push(...copiesIn(name, text));
    }
  }
  return found;
}

Deno.test("the numbers written into the hot paths are those of the descriptors", async () => {
  const found = await copies();
  assertEquals([...new Set(found.map(({ file }) => file))].sort(), [
    "allocator.ts",
    "arena.ts",
    "tlsf.ts",
  ]);
  assert(found.length > 25, `only ${found.length} numbers`);
  for (const { file, name, value } of found) {
    assert(name !== undefined && name in DESCRIBED, `${name} in ${file} is in no descriptor`);
    assertEquals(value, DESCRIBED[name], `${name} in ${file}`);
  }
});
