/**
 * The storage as other shards see it: one task for each thing a request can ask for. All take the
 * address of the request, which is all that crosses; the shard that made it does nothing with it
 * until it has the answer.
 *
 * @module
 */

import {
  defineTasks,
  type ForeignPtr,
  localAllocator,
  makeForeign,
  shardCount,
  thisShard,
} from "@tidepool/core";
import { homeOf } from "./key_hash.ts";
import { Item, type ItemView } from "./item.ts";
import { KeyReference, keyReferenceAt } from "./key_reference.ts";
import { Request, type RequestView } from "./request.ts";
import { Store, wallClock } from "./store.ts";

/** An item that another shard reads. */
export type LentItem = ForeignPtr<ItemView, "shared">;
/** What a shard answers that is asked for an item: see `Router.get()`. */
export type ItemAnswer = LentItem | true | null;
/** A block that another shard fills. */
export type ReservedItem = ForeignPtr<ItemView>;

let current: Store | undefined;

/** The storage of this shard, made when it is first asked for. */
export function localStore(): Store {
  if (current === undefined) {
    current = new Store(localAllocator(), wallClock, thisShard(), shardCount());
    ownRequest();
  }
  return current;
}

let view: RequestView | undefined;

/** The request at that address: a view that the next one moves. */
function at(request: number): RequestView {
  return view === undefined ? view = Request.at(localAllocator(), request) : view.at(request);
}

let scratch: RequestView | undefined;

/** A request of this shard's own, made once: it must be there when memory is short. */
function ownRequest(): RequestView {
  return scratch ??= Request.make(localAllocator(), {});
}

function lent(address: number): LentItem | null {
  return address === 0 ? null : makeForeign(localStore().lend(address));
}

/**
 * The item that the request asks for: true if its value was short enough to be put where the request
 * wants it, else a pointer. A pointer costs the two shards some 8 µs, so that a value has to be long
 * before it is not cheaper to put it there.
 */
function answered(view: RequestView): ItemAnswer {
  const store = localStore();
  const address = store.get(view);
  if (address === 0) return null;
  return store.putAnswer(view, address) || makeForeign(store.lend(address));
}

/** What a shard does for the others with the items that are at home on it. */
export const storeTasks = defineTasks(import.meta.url, {
  get: (request: number) => answered(at(request)),
  metaGet: (request: number) => lent(localStore().metaGet(at(request))),
  peek: (request: number) => lent(localStore().peek(at(request))),
  touch: (request: number) => localStore().touch(at(request)),
  store: (request: number) => localStore().store(at(request)),
  refuse: (request: number) => localStore().refuse(at(request)),
  remove: (request: number) => localStore().remove(at(request)),
  arithmetic: (request: number) => localStore().arithmetic(at(request)),

  /** A block for the caller to fill; null if there is no memory. Dropped, it frees itself. */
  reserve(request: number): ReservedItem | null {
    const address = localStore().reserve(at(request));
    return address === 0 ? null : makeForeign(Item.at(localAllocator(), address));
  },

  /** Stores a block that the caller has filled. */
  commit(request: number, reserved: ReservedItem): number {
    const pointer = reserved.release();
    return localStore().commit(at(request), pointer.release()!.address);
  },

  /**
   * The items of those of `count` keys that are at home here, in their order. The request says what
   * else is to be done with them.
   */
  getMany(request: number, keys: number, count: number, shardCount: number): (LentItem | null)[] {
    const store = localStore();
    const { sliceIndex } = localAllocator();
    const { options, expiry } = at(request);
    // The request is the caller's, and serves several shards at once: this one works on its own copy.
    const own = ownRequest();
    own.options = options;
    own.expiry = expiry;
    const key = KeyReference.at(localAllocator(), keys);
    const items: (LentItem | null)[] = [];
    for (let i = 0; i < count; i++) {
      key.at(keyReferenceAt(keys, i));
      if (homeOf(key.hash, shardCount) !== sliceIndex) continue;
      own.keyAddress = key.keyAddress;
      own.keyLength = key.keyLength;
      own.hash = key.hash;
      items.push(lent(store.get(own)));
    }
    return items;
  },

  flush: (delay: number) => localStore().flush(delay),
});
