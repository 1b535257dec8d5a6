/** docs/api.md is what the docstrings say, and each exported name has one home. */
import { assert, assertEquals } from "@std/assert";
import { pageOf, readApi } from "../../docs/api_page.ts";

const api = await readApi();

Deno.test("docs/api.md is what `deno task api` writes", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/api.md", import.meta.url));
  assertEquals(page, pageOf(api), "docs/api.md is stale: write it with `deno task api`");
});

Deno.test("docs/api.md is short enough to be read through", () => {
  const { byteLength } = new TextEncoder().encode(pageOf(api));
  assert(byteLength <= 28 * 1024, `${byteLength} bytes`);
});

Deno.test("the main entry point has at most 75 names, and each from one other", () => {
  assert(api.mainNames.length <= 75, `${api.mainNames.length} names`);
  const homes = Map.groupBy(
    api.entries.flatMap(({ specifier, names }) => names.map(({ name }) => ({ name, specifier }))),
    ({ name }) => name,
  );
  const homeless = api.mainNames.filter((name) => !homes.has(name));
  assertEquals(homeless, []);
  const several = [...homes].filter(([, { length }]) => length > 1);
  assertEquals(several, []);
});

Deno.test("an entry point that is called unstable has all that is, but what stable members show", () => {
  for (const { specifier, names } of api.entries) {
    const unstable = names.filter(({ isStable }) => !isStable).map(({ name }) => name);
    const expected = specifier.includes("/unstable-")
      ? names.map(({ name }) => name)
      // Types of `Allocator.watch()`, `Allocator.remoteFrees` and the option `pages`.
      : specifier.endsWith("/allocator")
      ? ["Instrument", "RemoteFreeSender", "SystemPages"]
      : [];
    assertEquals(unstable.sort(), expected.sort(), specifier);
  }
});

/** Members that are the library's own and that TypeScript's `private` can't hide. */
const SEEN_INTERNALS: readonly RegExp[] = [
  /^Endpoint\./, // what other layers build on shows what the library builds on
  /^(FieldType|ScalarType|AtomicType)\.(read|write|release|elements)$/, // an interface; types are inferred from them
];

Deno.test("entry points show no member that is @internal", () => {
  const internals = api.entries.flatMap(({ names }) => names)
    .flatMap(({ name, members }) =>
      members.map((member) => ({ ...member, name: `${name}.${member.name}` }))
    ).filter(({ isInternal }) => isInternal);
  const seen = internals.filter(({ isPrivate }) => !isPrivate).map(({ name }) => name);
  assertEquals(seen.filter((name) => !SEEN_INTERNALS.some((each) => each.test(name))), []);
  // The test has found the hidden ones, or it knows none.
  assert(internals.some(({ name, isPrivate }) => name === "Runtime.endpoint" && isPrivate));
  for (const each of SEEN_INTERNALS) assert(seen.some((name) => each.test(name)), `${each}`);
});

Deno.test("every name of docs/api.md has a line that says what it is", () => {
  const wrong = api.entries.flatMap(({ names }) => names)
    .filter(({ summary }) => summary.length < 10 || summary.length > 120);
  assertEquals(wrong.map(({ name, summary }) => `${name}: ${summary}`), []);
});
