/** A program that has the library in a folder beside it, and not from a registry. */
import { assertEquals } from "@std/assert";

const LIBRARY = new URL("../../", import.meta.url);

const WAYS: Readonly<Record<string, unknown>> = {
  "imports it by a path": {
    imports: { "@tidepool/core": new URL("mod.ts", LIBRARY).href },
  },
  "links it": {
    imports: { "@tidepool/core": "jsr:@tidepool/core@^0.1.0" },
    links: [LIBRARY.pathname],
  },
};

for (const [way, config] of Object.entries(WAYS)) {
  Deno.test(`a program that ${way} runs, and Deno warns of nothing`, async () => {
    const directory = await Deno.makeTempDir();
    try {
      await Deno.writeTextFile(`${directory}/deno.json`, JSON.stringify(config));
      await Deno.writeTextFile(
        `${directory}/main.ts`,
        `import { Runtime } from "@tidepool/core";
await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
await Deno.stdout.write(new TextEncoder().encode(String(runtime.shardCount)));`,
      );
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "--no-check", "--no-lock", "--allow-read", "main.ts"],
        cwd: directory,
        signal: AbortSignal.timeout(60_000), // only to fail instead of hanging
      }).output();
      const decoder = new TextDecoder();
      assertEquals([decoder.decode(stderr), decoder.decode(stdout)], ["", "2"]);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}
