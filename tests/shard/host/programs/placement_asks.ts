/** Counts what the host asks of the system for a runtime without `placement`, and for one with it. */
import { Runtime } from "@tidepool/core";

const { dlopen, permissions } = Deno;
let opened = 0;
let asked = 0;
Deno.dlopen = (...given) => (opened++, dlopen(...given));
const querySync = permissions.querySync.bind(permissions);
permissions.querySync = (descriptor) => {
  if (descriptor.name === "ffi") asked++;
  return querySync(descriptor);
};

if (import.meta.main) {
  await using plain = await Runtime.start({ shards: 1, memory: "2MiB", hostMemory: "1MiB" });
  const { problems } = plain.placement(0);
  const without = opened + asked;
  const options = { shards: 1, memory: "2MiB", hostMemory: "1MiB", placement: {} };
  await using placed = await Runtime.start(options);
  placed.placement(0);
  // deno-lint-ignore no-console -- the test reads it
  console.log(JSON.stringify({ without, opened, asked, problems }));
}
