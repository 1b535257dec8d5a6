// deno-lint-ignore-file no-console -- a program
/**
 * A program that starts a runtime, has a call run, and stops; it prints which parts of Deno that are loaded at
 * their first use have been used meanwhile, on the host and, from its first task on, on the shard.
 */
import { watchGlobals } from "./lean_globals.ts";
const used = watchGlobals(); // before the library has seen any
const { leanTasks } = await import("./lean_tasks.ts");
const { Runtime } = await import("../../../../shard/mod.ts");

const runtime = await Runtime.start({ shards: 1, memory: "8MiB" });
await runtime.submitTo(0, leanTasks.used);
const text = "text that is too long for the shortest loop of all";
const usedThere = await runtime.submitTo(0, leanTasks.used, text);
await runtime.stop({ deadlineMs: 100_000 });
console.log(JSON.stringify([used, usedThere]));
