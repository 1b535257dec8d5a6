/**
 * A module that every shard imports before it is ready, as its query says of which shard 1 dies:
 * `dies_at_start.ts?throw`.
 */
import { registerWireType } from "../../../../shard/unstable_layers.ts";

class Unsent {}

registerWireType({
  name: "Unsent",
  module: import.meta.url,
  bind: () => ({
    class: Unsent,
    words: 1,
    write() {},
    read: () => new Unsent(),
    moved() {},
    undelivered() {},
  }),
});

const { name } = globalThis as unknown as { readonly name: string };
if (name.startsWith("tidepool shard 1 ")) {
  switch (new URL(import.meta.url).search) {
    case "?throw":
      throw new SyntaxError("thrown while the module loads");
    case "?reject":
      Promise.reject(new SyntaxError("nobody catches this"));
      await new Promise(() => {});
      break;
    case "?close":
      (globalThis as unknown as { close(): void }).close();
      await new Promise(() => {});
      break;
    case "?exit":
      Deno.exit(3);
  }
}
