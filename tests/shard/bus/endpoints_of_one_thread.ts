/** Endpoints without a thread of their own, for tests in which each step happens at a known place. */
import { Endpoint } from "../../../shard/calls/endpoint.ts";
import { SegmentLayout } from "../../../shard/calls/segment_layout.ts";
import { wireTypeNames } from "../../../shard/calls/wire_type_registry.ts";
import { shapeFor } from "../../../shard/host/runtime_options.ts";

/** Three endpoints of one segment, which the caller polls. Register wire types before. */
export function startEndpoints(): [Endpoint, Endpoint, Endpoint] {
  const shape = shapeFor({ shards: 3, memory: "16MiB" });
  const layout = new SegmentLayout(shape);
  const buffer = new SharedArrayBuffer(layout.byteLength);
  const setup = {
    buffer,
    shape,
    spinMicroseconds: 0,
    wireTypes: wireTypeNames(),
    debug: false,
    debugHeap: false,
  };
  return [0, 1, 2].map((endpoint) => new Endpoint({ ...setup, endpoint }, () => {})) as [
    Endpoint,
    Endpoint,
    Endpoint,
  ];
}
