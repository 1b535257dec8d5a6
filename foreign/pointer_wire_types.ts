/**
 * Teaches the bus how foreign pointers and references travel. Imported for its effect by mod.ts,
 * on the host and, because it says its own URL, on every shard.
 *
 * @module
 */

import { registerErrorClass, registerWireType } from "../shard/mod.ts";
import { StaleForeignPtrError, WrongShardError } from "./errors.ts";
import { ForeignPtr, type Ownership } from "./foreign_ptr.ts";
import {
  FOREIGN_PTR_WORDS,
  GENERATION_WORD,
  HANDLE_WORD,
  PARTIES_WORD,
  REFERENCE_WORDS,
} from "./handle_layout.ts";
import { GRANTED_WORDS, GrantedCopies } from "./granted_copies.ts";
import { watchYoung } from "./hold.ts";
import { homeOf } from "./home.ts";
import { ForeignReference } from "./reference.ts";
import { destroyWhatIsHeld } from "./stop.ts";

registerErrorClass(StaleForeignPtrError);
registerErrorClass(WrongShardError);

registerWireType({
  name: "ForeignPtr",
  module: import.meta.url,
  bind: (endpoint) => {
    const home = homeOf(endpoint);
    endpoint.whenAsleep(watchYoung);
    endpoint.beforeStop((shards) => destroyWhatIsHeld(endpoint, shards));
    return {
      class: ForeignPtr,
      words: FOREIGN_PTR_WORDS,
      write: (pointer: ForeignPtr<object, Ownership>, words: Int32Array, at: number) =>
        ForeignPtr.write(home, pointer, words, at),
      moved: ForeignPtr.moved,
      read: (words: Int32Array, at: number) => ForeignPtr.read(home, words, at),
      abandon: (pointer: ForeignPtr<object>) => pointer[Symbol.dispose](),
      undelivered: (words: Int32Array, at: number) => ForeignPtr.undelivered(home, words, at),
    };
  },
});

registerWireType({
  name: "GrantedCopies",
  module: import.meta.url,
  bind: (endpoint) => {
    const home = homeOf(endpoint);
    return {
      class: GrantedCopies,
      words: GRANTED_WORDS,
      write: GrantedCopies.write,
      read: (words: Int32Array, at: number) => ForeignPtr.readGranted(home, words, at),
      moved: () => {},
      // On the owner: nobody gives a request for copies up, so it ends unread only if its caller dies.
      undelivered: (words: Int32Array, at: number) =>
        ForeignPtr.undeliveredGranted(home, words, at),
    };
  },
});

registerWireType({
  name: "ForeignReference",
  module: import.meta.url,
  bind: (endpoint) => {
    const home = homeOf(endpoint);
    return {
      class: ForeignReference,
      words: REFERENCE_WORDS,
      write(reference: ForeignReference, words: Int32Array, at: number): void {
        endpoint.checkOwn(reference.home.endpoint, "reference to a foreign object");
        words[at + PARTIES_WORD] = reference.ownerShard;
        words[at + HANDLE_WORD] = reference.handle;
        words[at + GENERATION_WORD] = reference.generation;
      },
      read(words: Int32Array, at: number): object {
        const owner = words[at + PARTIES_WORD]!;
        const handle = words[at + HANDLE_WORD]!;
        const generation = words[at + GENERATION_WORD]!;
        if (owner !== endpoint.id) return new ForeignReference(home, owner, handle, generation);
        return home.handles.get(handle, generation).get()!; // at home it is the object
      },
      // A reference lends: whatever becomes of it, the object is somebody else's.
      moved: () => {},
      undelivered: () => {},
    };
  },
});
