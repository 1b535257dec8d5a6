// deno-lint-ignore-file no-console -- a program run by a test
/**
 * A memcached that is filled and flushed, and asked for its figures all the while; then it is filled
 * again. A line of JSON says how much of it was in memory when.
 */
import { openLibc } from "../../../shard/machine/mod.ts";
import { TestServer } from "./test_server.ts";

const MIB = 2 ** 20;
const ITEMS = 48_000;
const VALUE = "v".repeat(1000);
const PATIENCE_MS = 60_000;

await using test = await TestServer.start(2, 32 * MIB, { trimAfter: 1 });
using client = await test.connect();

const libc = openLibc().libc!;
const segment = test.server.runtime["endpoint"].buffer;

/** Bytes of the segment in memory. The process has other memory besides, which comes and goes. */
function present(): number {
  const { value } = libc.presentPages(libc.addressOf(segment), segment.byteLength);
  return value!.reduce((bytes, { begin, end }) => bytes + end - begin, 0);
}

async function fill(): Promise<void> {
  for (let first = 0; first < ITEMS; first += 1000) {
    let text = "";
    for (let i = first; i < first + 1000; i++) {
      text += `set key${i} 0 0 1000 noreply\r\n${VALUE}\r\n`;
    }
    await client.ask(`${text}mn\r\n`, "MN\r\n");
  }
}

/** How many of some keys have their values. */
async function found(): Promise<number> {
  let hits = 0;
  for (let i = 0; i < ITEMS; i += 97) {
    const answer = await client.ask(`get key${i}\r\n`, "END\r\n");
    if (answer === `VALUE key${i} 0 1000\r\n${VALUE}\r\nEND\r\n`) hits++;
  }
  return hits;
}

await fill();
const itemBytes = Number((await test.stats(client)).get("bytes"));
const before = present();
await client.ask("flush_all\r\n");
const end = performance.now() + PATIENCE_MS;
let after = before;
while (before - after < 0.9 * itemBytes && performance.now() < end) {
  await test.stats(client); // it serves all the while
  after = present();
}
const reclaimed = Number((await test.stats(client)).get("crawler_reclaimed"));
const gone = await found();
await fill();
console.log(
  JSON.stringify({
    itemBytes,
    before,
    after,
    fallen: before - after,
    reclaimed,
    gone,
    again: await found(),
  }),
);
