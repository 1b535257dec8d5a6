/** The conformance tests of libmemcached: `memccapable` checks both protocols, command by command. */

import { assertEquals } from "@std/assert";
import { testWith } from "./real_memcached.ts";
import { TestServer } from "./test_server.ts";

/** The tests that memccapable 1.0.18 has of each protocol. */
const TEST_COUNTS = { ascii: 27, binary: 27 };

for (const [protocol, count] of Object.entries(TEST_COUNTS)) {
  testWith(
    "memccapable",
    "libmemcached-tools",
    `memcached: memccapable passes, ${protocol}`,
    async () => {
      await using test = await TestServer.start(2);
      const { success, stdout, stderr } = await new Deno.Command("memccapable", {
        args: ["-h", "127.0.0.1", "-p", `${test.port}`, protocol === "ascii" ? "-a" : "-b"],
      }).output();
      const decoder = new TextDecoder();
      const lines = decoder.decode(stdout).split("\n");
      const failed = lines.filter((line) => line.endsWith("]") && !line.endsWith("[pass]"));
      assertEquals(failed, [], decoder.decode(stderr));
      assertEquals(lines.filter((line) => line.endsWith("[pass]")).length, count);
      assertEquals(success, true, decoder.decode(stderr));
    },
  );
}
