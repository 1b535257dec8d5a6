/**
 * What a layer above this one builds on, as `foreign/` does: the endpoint of a thread, classes that
 * travel as themselves, and what runs before a runtime stops.
 *
 * @example
 * ```ts
 * import { classNameOf } from "@tidepool/core/shard/unstable-layers";
 * import { assertEquals } from "@std/assert";
 *
 * class Account {}
 * assertEquals(classNameOf(new Account()), "Account"); // for the messages of errors
 * ```
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 *
 * @module
 */

export {
  type BeforeStop,
  callEach,
  checkShardId,
  Endpoint,
  GivenAwayRegion,
  Life,
  localEndpoint,
  readForeignStatistics,
  registerRepeatable,
  registerWireType,
  type WireTypeDefinition,
} from "./calls/mod.ts";
export { classNameOf, SENT_BY, type WireType } from "./codec/mod.ts";
