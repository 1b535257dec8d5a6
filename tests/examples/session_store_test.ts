/** The session store while its shards die and come back, and that the check of it would notice. */
import { Runtime } from "@tidepool/core";
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { serve } from "../../examples/session_store/main.ts";
import { sessionStore } from "../../examples/session_store/session_store.ts";
import { runSeed } from "../harness/seeded_random.ts";
import { forgetfulStore, hastyStore } from "./session_store/checked_store.ts";
import { ModelValue } from "./session_store/session_model.ts";
import { verifiedRun } from "./session_store/verified_run.ts";

const MAIN = new URL("../../examples/session_store/main.ts", import.meta.url);

Deno.test("session store: values are set, read, deleted, and end with their session", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
  await using service = await runtime.startSharded(sessionStore, 3600);
  await using server = serve(runtime, service, 0);
  const ask = async (method: string, path: string, body: string | null = null) => {
    const url = `http://127.0.0.1:${server.addr.port}${path}`;
    const response = await fetch(url, { method, body });
    return [response.status, await response.text()];
  };
  assertEquals(await ask("GET", "/ann/cart"), [404, ""]);
  assertEquals(await ask("PUT", "/ann/cart", "3 apples"), [204, ""]);
  assertEquals(await ask("PUT", "/ann/user", "Ann"), [204, ""]);
  assertEquals(await ask("PUT", "/bob/user", ""), [204, ""]);
  assertEquals(await ask("GET", "/ann/cart"), [200, "3 apples"]);
  assertEquals(await ask("GET", "/bob/user"), [200, ""]);
  assertEquals(await ask("DELETE", "/ann/cart"), [204, ""]);
  assertEquals(await ask("DELETE", "/ann/cart"), [404, ""]);
  assertEquals(await ask("POST", "/ann?seconds=60"), [204, ""]);
  assertEquals(await ask("GET", "/ann/user"), [200, "Ann"]);
  assertEquals(await ask("POST", "/ann?seconds=0"), [204, ""]);
  assertEquals(await ask("POST", "/ann?seconds=60"), [404, ""]);
  assertEquals(await ask("GET", "/ann/user"), [404, ""]);
  const [status, page] = await ask("GET", "/metrics");
  assertEquals(status, 200);
  const counts = [...String(page).matchAll(/^session_store_sessions\{shard="\d"\} (\d)$/gm)];
  assertEquals(counts.map(([, count]) => count).sort(), ["0", "1"]); // bob's
});

Deno.test("session store: a session ends when its time is over, and its memory is free", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
  await using service = await runtime.startSharded(sessionStore, 0.1);
  const store = service.at("ann");
  const begin = performance.now();
  await store.set("ann", "user", "Ann");
  while (await store.get("ann", "user") !== undefined);
  assert(performance.now() - begin >= 100);
  assertEquals(await store.count(), 0);
});

Deno.test("session store: the program serves until it is interrupted", async () => {
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--allow-net=127.0.0.1", "--allow-read", MAIN.href, "0"],
    stdout: "null",
    stderr: "piped",
    signal: AbortSignal.timeout(60_000), // only to fail instead of hanging
  }).spawn();
  let said = "";
  for await (const text of process.stderr.pipeThrough(new TextDecoderStream())) {
    said += text;
    const [url] = /http:\S+/.exec(said) ?? [];
    if (url === undefined) continue;
    const put = await fetch(`${url}ann/user`, { method: "PUT", body: "Ann" });
    await put.body?.cancel();
    assertEquals([put.status, await (await fetch(`${url}ann/user`)).text()], [204, "Ann"]);
    process.kill("SIGINT");
    break;
  }
  assertEquals((await process.status).code, 0, said);
});

Deno.test("session store: 64 connections, a shard killed every second: no wrong value, no other error, no early call", async () => {
  const seed = runSeed();
  const { faults, ...figures } = await verifiedRun(
    { shards: 4, connections: 64, seconds: 6, killEveryMs: 1000, seed },
  );
  assertEquals(faults, [], `Run it again with TIDEPOOL_SEED=${seed}`);
  const { kills, requests, lost, pagesOfSomeDown } = figures;
  assert(kills >= 4 && requests > 1000 && lost > 0 && pagesOfSomeDown > 0, JSON.stringify(figures));
});

const SMALL = { shards: 2, connections: 8, seconds: 4, killEveryMs: 1000, seed: 1 };

Deno.test("the check of the session store notices a write that was lost", async () => {
  const { faults } = await verifiedRun({ ...SMALL, definition: forgetfulStore });
  assertStringIncludes(faults[0]!, "was read in a life from 0");
});

Deno.test("the check of the session store notices a call before the end of init()", async () => {
  const { faults } = await verifiedRun({ ...SMALL, definition: hastyStore });
  assertStringIncludes(
    faults[0]!,
    "was answered 500 Error: The store was called before its init()",
  );
});

Deno.test("the model of a session's value: lost with its shard, but never changed nor back again", () => {
  const lives = (first: number, last = first) => ({ first, last });
  const value = new ModelValue();
  value.became("a", lives(0));
  assertEquals(value.read("a", lives(0)), false);
  assertThrows(() => value.read(undefined, lives(0)), Error, "expected a, of a life from 0 to 0");
  assertThrows(() => value.read("b", lives(0, 1)), Error, "b was read");
  assertThrows(() => value.read("a", lives(1)), Error, "expected nothing");
  assertEquals(value.read(undefined, lives(0, 1)), true);
  assertThrows(() => value.read("a", lives(0, 1)), Error, "a was read");
  value.became("b", lives(1));
  value.mayHaveBecome("c", lives(1, 2)); // it failed, as the shard died
  assertThrows(() => value.read("c", lives(3)), Error, "expected nothing");
  assertThrows(() => value.read("d", lives(1)), Error, "expected b or c");
  assertEquals(value.read("c", lives(1, 2)), false);
  assertThrows(() => value.read("b", lives(1, 2)), Error, "expected c");
});
