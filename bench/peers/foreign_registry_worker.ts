/**
 * The other end of `foreign_registry.ts`.
 *
 * @module
 */

/** A call: the reply carries the same number. A release has none. */
export interface RegistryRequest {
  readonly id: number;
  readonly method: "make" | "add" | "release" | "destroyed";
  readonly object: number;
  readonly n: number;
}

/** The result of the call with that number. */
export interface RegistryReply {
  readonly id: number;
  readonly value: number;
}

class Counter {
  count = 0;
  add(n: number): number {
    return this.count += n;
  }
}

const objects = new Map<number, Counter>();
let lastObject = 0;
let destroyed = 0;

function serve({ method, object, n }: RegistryRequest): number {
  switch (method) {
    case "make":
      objects.set(++lastObject, new Counter());
      return lastObject;
    case "add":
      return objects.get(object)!.add(n);
    case "release":
      if (objects.delete(object)) destroyed++;
      return 0;
    case "destroyed":
      return destroyed;
  }
}

self.onmessage = (event: MessageEvent<RegistryRequest>) => {
  const value = serve(event.data);
  const { id, method } = event.data;
  if (method !== "release") self.postMessage({ id, value } satisfies RegistryReply);
};
self.postMessage("ready");
