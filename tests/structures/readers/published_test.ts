/** What an endpoint publishes by a number, as others find it. */
import { assertEquals } from "@std/assert";
import { EPOCH_BYTES } from "../../../shard/ring/control_page.ts";
import { controlWords, Readers } from "../../../structures/readers/readers.ts";
import { Published, publishedBy } from "../../../structures/readers/published.ts";
import { startEndpoints } from "../../shard/bus/endpoints_of_one_thread.ts";

Deno.test("what is published is found by its number until it is deleted", () => {
  const [owner, reader] = startEndpoints();
  assertEquals(publishedBy(reader, 0, 7), 0);
  const published = owner.part(Published);
  assertEquals(publishedBy(reader, 0, 7), 0);
  const addresses = [7, -8, 9].map((number) => {
    const address = owner.allocator.malloc(8);
    published.add(number, address);
    return address;
  });
  const find = () => [7, -8, 9, 10].map((number) => publishedBy(reader, 0, number));
  assertEquals(find(), [...addresses, 0]);
  assertEquals(publishedBy(owner, 0, 9), addresses[2]);
  const { liveBlocks } = owner.allocator;
  published.delete(-8); // in the middle
  assertEquals(find(), [addresses[0], 0, addresses[2], 0]);
  published.delete(-8);
  published.delete(9); // the first
  assertEquals(find(), [addresses[0], 0, 0, 0]);
  published.add(9, addresses[1]!);
  published.delete(7); // the last
  assertEquals(find(), [0, 0, addresses[1], 0]);
  published.delete(9);
  assertEquals(find(), [0, 0, 0, 0]);
  owner.part(Readers).retired.collect();
  assertEquals(owner.allocator.liveBlocks, liveBlocks - 3); // the nodes are free
});

Deno.test("what a former life has published is not found", () => {
  const [owner, reader] = startEndpoints();
  const published = owner.part(Published);
  published.add(7, owner.allocator.malloc(8));
  const epoch = (owner.layout.controlPage(0) + EPOCH_BYTES) >> 2;
  controlWords(owner)[epoch]!++; // as the host does
  assertEquals(publishedBy(reader, 0, 7), 0);
  new Published(owner); // of the next life
  assertEquals(publishedBy(reader, 0, 7), 0);
});
