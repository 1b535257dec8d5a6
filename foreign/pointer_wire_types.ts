/**
 * Teaches the bus how foreign pointers and references travel. Imported for its effect by mod.ts,
 * on the host and, because it says its own URL, on every shard.
 *
 * @module
 */

import { registerErrorClass } from "../shard/mod.ts";
import { registerWireType } from "../shard/unstable_layers.ts";
import { EndpointPointers } from "./endpoint_pointers.ts";
import { StaleForeignPtrError, WrongShardError } from "./errors.ts";
import { ForeignPtr } from "./foreign_ptr.ts";
import { ForeignReference } from "./foreign_reference.ts";
import {
  GRANTED_COUNT_WORD,
  GRANTED_FIRST_WORD,
  GRANTED_GENERATION_WORD,
  GRANTED_HANDLE_WORD,
  GRANTED_OBJECT_WORD,
  GRANTED_OWNER_WORD,
  GRANTED_WORDS,
  GrantedCopies,
} from "./granted_copies.ts";
import type { Ownership } from "./local/mod.ts";
import {
  FOREIGN_PTR_WORDS,
  GENERATION_WORD,
  HANDLE_WORD,
  PARTIES_WORD,
  REFERENCE_WORDS,
  STRUCT_UNIT_BYTES,
  WORD_BYTES,
} from "./pointer_wire_layout.ts";
import { destroyWhatIsHeld } from "./stop.ts";

registerErrorClass(StaleForeignPtrError);
registerErrorClass(WrongShardError);

registerWireType({
  name: "ForeignPtr",
  module: import.meta.url,
  bind: (endpoint) => {
    const here = endpoint.part(EndpointPointers);
    endpoint.beforeStop((shards) => destroyWhatIsHeld(endpoint, shards));
    return {
      class: ForeignPtr,
      words: FOREIGN_PTR_WORDS,
      write: (pointer: ForeignPtr<object, Ownership>, words: Int32Array, at: number) =>
        ForeignPtr["write"](here, pointer, words, at),
      moved: ForeignPtr["moved"],
      read: (words: Int32Array, at: number) => ForeignPtr["read"](here, words, at),
      abandon: (pointer: ForeignPtr<object>) => pointer[Symbol.dispose](),
      undelivered: (words: Int32Array, at: number) => ForeignPtr["undelivered"](here, words, at),
    };
  },
});

registerWireType({
  name: "GrantedCopies",
  module: import.meta.url,
  bind: (endpoint) => {
    const here = endpoint.part(EndpointPointers);
    return {
      class: GrantedCopies,
      words: GRANTED_WORDS,
      write: GrantedCopies.write,
      read: (words: Int32Array, at: number) => readGranted(here, words, at),
      moved: () => {},
      // On the owner: nobody gives a request for copies up, so it ends unread only if its caller dies.
      undelivered: (words: Int32Array, at: number) => undeliveredGranted(here, words, at),
    };
  },
});

registerWireType({
  name: "ForeignReference",
  module: import.meta.url,
  bind: (endpoint) => {
    const here = endpoint.part(EndpointPointers);
    return {
      class: ForeignReference,
      words: REFERENCE_WORDS,
      write(reference: ForeignReference, words: Int32Array, at: number): void {
        endpoint.checkOwn(reference.here.endpoint, "reference to a foreign object");
        words[at + PARTIES_WORD] = reference.ownerShard;
        words[at + HANDLE_WORD] = reference.handle;
        words[at + GENERATION_WORD] = reference.generation;
      },
      read(words: Int32Array, at: number): object {
        const owner = words[at + PARTIES_WORD]!;
        const handle = words[at + HANDLE_WORD]!;
        const generation = words[at + GENERATION_WORD]!;
        if (owner !== endpoint.id) return new ForeignReference(here, owner, handle, generation);
        return here.home.givenAway.get(handle, generation).get()!; // at home it is the object
      },
      // A reference lends: whatever becomes of it, the object is somebody else's.
      moved: () => {},
      undelivered: () => {},
    };
  },
});

/** Makes pointers of copies that their owner has granted to this endpoint: one, or an array. */
function readGranted(here: EndpointPointers, words: Int32Array, at: number): object {
  const owner = words[at + GRANTED_OWNER_WORD]!;
  const count = words[at + GRANTED_COUNT_WORD]!;
  const object = words[at + GRANTED_OBJECT_WORD]!;
  const firstGeneration = words[at + GRANTED_GENERATION_WORD]!;
  if (count < 0) {
    const handle = words[at + GRANTED_HANDLE_WORD]!;
    return ForeignPtr["ofHandle"](here, owner, handle, firstGeneration, object);
  }
  const { endpoint, holders, home: { segment } } = here;
  if (!holders.pass(owner, words[at + GRANTED_FIRST_WORD]!, firstGeneration, owner, endpoint.id)) {
    throw new StaleForeignPtrError(owner); // this endpoint counts as dead
  }
  const address = blockOf(words, at);
  const first = address / WORD_BYTES;
  const copies = new Array<ForeignPtr<object, "shared">>(count);
  for (let i = 0; i < count; i++) {
    const handle = segment[first + i]!;
    const generation = holders.generation(owner, handle);
    copies[i] = ForeignPtr["ofHandle"](here, owner, handle, generation, object);
  }
  endpoint.allocator.free(address);
  return copies;
}

/** Takes back, on their owner, granted copies that nobody will read. */
function undeliveredGranted(here: EndpointPointers, words: Int32Array, at: number): void {
  if (words[at + GRANTED_COUNT_WORD]! < 0) return; // the one of `copy()` was the caller's
  const first = words[at + GRANTED_FIRST_WORD]!;
  const generation = words[at + GRANTED_GENERATION_WORD]!;
  here.home.takeBackGranted(first, generation, blockOf(words, at));
}

/** The address of the block with the handles of several granted copies. */
function blockOf(words: Int32Array, at: number): number {
  return (words[at + GRANTED_HANDLE_WORD]! >>> 0) * STRUCT_UNIT_BYTES;
}
