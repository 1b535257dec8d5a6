/**
 * How an instance finds the service that it belongs to.
 *
 * @module
 */

import { classNameOf } from "../codec/mod.ts";
import { isShard, localEndpoint } from "../calls/mod.ts";
import { ServiceInstances } from "./service_instances.ts";
import { Sharded } from "./sharded.ts";

/**
 * The sharded service that an instance belongs to. A service reaches its peers from inside by it:
 * `containerOf(this).invokeOnOthers("forget", key)`. O(1).
 *
 * @param service The instance; in its constructor it is not one yet.
 * @throws {TypeError} If it is not an instance of a sharded service on this shard.
 *
 * @see `seastar::peering_sharded_service::container()`
 */
export function containerOf<Service extends object>(service: Service): Sharded<Service> {
  // Of the host none is an instance, and it has no endpoint to ask.
  const instances = isShard() ? localEndpoint().part(ServiceInstances) : undefined;
  const id = instances?.idOf(service);
  if (instances === undefined || id === undefined) {
    throw new TypeError(
      `Cannot find the container of ${
        classNameOf(service) ?? "an object"
      }: it is not an instance of a sharded service, or still in its constructor`,
    );
  }
  let container = containers.get(service);
  if (container === undefined) {
    container = Sharded["ofId"](localEndpoint(), id, instances.nameOf(id));
    containers.set(service, container);
  }
  return container as Sharded<Service>;
}

/** Those asked for, by their instances of this thread: a service that asks at each call gets the same. */
const containers = new WeakMap<object, Sharded<object>>();
