/** What the shard of lean.ts says. */
import { defineTasks } from "../../../../shard/mod.ts";
import { watchGlobals } from "./lean_globals.ts";

const used = watchGlobals();

export const leanTasks = defineTasks(import.meta.url, {
  used: (text = "") => [...used, text].filter((name) => name !== text),
});
