/** What the issue template asks for can be had by the commands that it gives. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";

const ROOT = new URL("../../", import.meta.url);
const template = await Deno.readTextFile(
  new URL(".github/ISSUE_TEMPLATE/bug_report.md", ROOT),
);

/** The text of the template's one block of code in a language. */
function codeIn(language: string): string {
  const blocks = [...template.matchAll(/^```(\w+).*\n([\s\S]*?)^```/gm)];
  const found = blocks.filter(([, each]) => each === language);
  assertEquals(found.length, 1, `blocks of ${language}`);
  return found[0]![2]!;
}

async function run(command: string, args: string[], cwd: string | URL) {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd,
    env: { NO_COLOR: "1" },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("the template's program reports on every shard and the host", async () => {
  const program = `import { Runtime } from ${JSON.stringify(new URL("mod.ts", ROOT).href)};
    await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
    ${codeIn("ts")}`;
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/main.ts`, program);
    const args = ["run", "--no-check", "--no-prompt", "--allow-read", "main.ts"];
    const { code, stdout, stderr } = await run(Deno.execPath(), args, folder);
    assertEquals(code, 0, stderr);
    for (const part of ["shard 0 {", "shard 1 {", "host {", "fragmentation", "blocks live"]) {
      assertStringIncludes(stdout, part);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the template's commands print what it asks for", async () => {
  const [version, evaluate, lock] = codeIn("sh").trimEnd().split("\n");
  assertEquals([version, lock], ["deno --version", "grep tidepool deno.lock"]);
  const code = /^deno eval '(.*)'$/.exec(evaluate!)![1]!;
  const { stdout, stderr } = await run(Deno.execPath(), ["eval", code], ROOT);
  assertStringIncludes(stdout, `${Deno.build.target} ${navigator.hardwareConcurrency} cores`);
  assert(/total: \d+/.test(stdout), stderr);
});
