/** A memcached that was filled and flushed gives its memory back to the system. */
import { assert, assertEquals } from "@std/assert";
import { openLibc } from "../../../shard/machine/mod.ts";

const { whyNot } = openLibc();
const where = whyNot === undefined ? "" : ` (skipped: ${whyNot})`;

Deno.test({
  name:
    `memcached: --trim-after gives the memory of flushed items back, and takes it again${where}`,
  ignore: whyNot !== undefined,
  fn: async () => {
    const program = new URL("./trim_program.ts", import.meta.url);
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-check", "--no-lock", "-A", program.href],
      cwd: new URL("../../../", import.meta.url),
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    const found = JSON.parse(new TextDecoder().decode(stdout));
    assert(found.itemBytes > 48_000_000);
    assert(found.fallen >= 0.9 * found.itemBytes, JSON.stringify(found));
    assertEquals(found.reclaimed, 48_000);
    assertEquals([found.gone, found.again], [0, Math.ceil(48_000 / 97)]);
  },
});
