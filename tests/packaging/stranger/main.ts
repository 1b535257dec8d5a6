// deno-lint-ignore-file no-console -- a command-line program
/** A stranger's first program: it has the library as a dependency and nothing else. */
import { Runtime } from "@tidepool/core";
import { Allocator } from "@tidepool/core/allocator";
import { places, Point, tasks } from "./tasks.ts";

const segment = new SharedArrayBuffer(65536);
const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
console.log("allocator", allocator.mallocUsableSize(allocator.malloc(100)) >= 100);

await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
console.log("call", await runtime.submitTo(1, tasks.whereIs, 0));

await using account = await runtime.submitTo(1, tasks.open, 10);
await runtime.submitTo(account.ownerShard, tasks.deposit, account.get(), 5);
console.log("pointer", account.ownerShard, await account.invoke("deposit", 27));

await using point = await runtime.submitTo(0, tasks.makePoint, 4, 2);
console.log("struct", await runtime.submitTo(0, tasks.readPoint, point.get()), point.view(Point).x);

await using everywhere = await runtime.startSharded(places);
console.log("service", await everywhere.invokeOn(0, "total"));

const error = await runtime.submitTo(1, tasks.fail).catch((error: unknown) => error);
console.log("error", error instanceof RangeError && error.message);

// The types have come along too: each of these is a mistake, and one that the compiler sees.
// @ts-expect-error -- no such method
export const noMethod = () => account.invoke("withdraw", 1);
// @ts-expect-error -- an argument of the wrong type
export const noNumber = () => runtime.submitTo(0, tasks.makePoint, "4", 2);
