/**
 * The blocks that one endpoint has borrowed to send them round: at most so many of each shard. They are asked
 * for once, and come back with no message: see loans.ts.
 *
 * @module
 */

import { BadAllocError } from "../allocator/mod.ts";
import { BusyError } from "../shard/mod.ts";
import type { Endpoint } from "../shard/unstable_layers.ts";
import { EndpointPointers } from "./endpoint_pointers.ts";
import { ForeignPtr } from "./foreign_ptr.ts";
import { borrow } from "./lend.ts";
import { isOpen, type LentBlock } from "./loans.ts";
import {
  forgetLender,
  type LentBytes,
  markReturned,
  setFilledBytes,
  takeReturned,
} from "./local/mod.ts";
import { PointerState } from "./pointer_state.ts";
import { LENT } from "./pointer_wire_layout.ts";

/** Wakes those of an endpoint who wait for a block when a shard dies: its blocks will not come back. */
class WakerOfBorrowers {
  constructor(endpoint: Endpoint) {
    endpoint.whenGone(() => endpoint.countReturn(endpoint.id));
  }
}

/** A block on loan. */
interface BorrowedBlock extends LentBlock {
  /** OBJECT of pointer_wire_layout.ts. */
  readonly object: number;
  /** The pointer to it that was taken last. Who takes one and forgets it must not keep the block for good. */
  pointer: WeakRef<ForeignPtr<LentBytes>> | undefined;
}

/** Those of one shard. */
class BlocksOfShard {
  blocks: BorrowedBlock[] = [];
  /** How many there are to be: fewer than wanted if the shard has no room for more. */
  target: number;

  constructor(target: number) {
    this.target = target;
  }
}

/** Blocks of one length, of some shards. */
export class LentBlocks {
  readonly #here: EndpointPointers;
  readonly #byteLength: number;
  readonly #blocksOfEach: number;
  /** By shard. */
  readonly #shards = new Map<number, BlocksOfShard>();
  #isClosed = false;
  #next = 0;

  constructor(endpoint: Endpoint, byteLength: number, blocksOfEach: number) {
    this.#here = endpoint.part(EndpointPointers);
    endpoint.part(WakerOfBorrowers);
    this.#byteLength = byteLength;
    this.#blocksOfEach = blocksOfEach;
  }

  /**
   * A block of one of `shards`, of the one that has one at hand; waits until there is one. Undefined once
   * this is closed.
   *
   * @throws What a call to a shard fails with, and BadAllocError if it has no room for a single block.
   */
  async take(shards: readonly number[]): Promise<ForeignPtr<LentBytes> | undefined> {
    const { endpoint } = this.#here;
    while (!this.#isClosed) {
      const seen = endpoint.returns;
      const short = shards.filter((shard) => this.#isShort(shard));
      if (short.length > 0) await Promise.all(short.map((shard) => this.#borrow(shard)));
      // In turn, so that no shard waits while another has two to work on.
      for (let i = 0; i < shards.length && !this.#isClosed; i++) {
        const at = (this.#next + i) % shards.length;
        const pointer = this.#takeOf(shards[at]!);
        if (pointer === undefined) continue;
        this.#next = at + 1;
        return pointer;
      }
      if (short.length === 0 && !this.#isClosed) await endpoint.nextReturn(seen);
    }
  }

  /** Says how many bytes a block holds. */
  fill(pointer: ForeignPtr<LentBytes>, byteLength: number): void {
    const { address } = ForeignPtr["stateOf"](pointer);
    setFilledBytes(this.#here.endpoint.buffer, address, byteLength);
  }

  /**
   * Ends the loans: blocks that are at hand go home, and those under way when they are disposed of.
   *
   * @param kept Decides about those that were taken and are still here: true to leave them to whoever has
   * them.
   */
  close(kept: (pointer: ForeignPtr<LentBytes>) => boolean): void {
    this.#isClosed = true;
    const { endpoint, holders, home: { segment } } = this.#here;
    for (const { blocks } of this.#shards.values()) {
      for (const block of blocks) {
        if (!isOpen(holders, block)) continue;
        forgetLender(segment, block.address); // before the look at RETURNED: see loans.ts
        if (takeReturned(segment, block.address)) this.#pointerTo(block)[Symbol.dispose]();
        else {
          const pointer = block.pointer?.deref();
          if (pointer !== undefined && !kept(pointer)) pointer[Symbol.dispose]();
        }
      }
    }
    this.#shards.clear();
    endpoint.countReturn(endpoint.id);
  }

  /** Whether more blocks of a shard are to be asked for. */
  #isShort(shard: number): boolean {
    const { bus } = this.#here.endpoint;
    const of = this.#shards.get(shard);
    if (of === undefined) return true;
    if (bus.isGone(shard)) of.blocks = [];
    else of.blocks = of.blocks.filter((block) => isOpen(this.#here.holders, block));
    return of.blocks.length < of.target;
  }

  async #borrow(shard: number): Promise<void> {
    const of = this.#shards.get(shard) ?? new BlocksOfShard(this.#blocksOfEach);
    this.#shards.set(shard, of);
    const lent = await this.#ask(shard, of);
    for (const pointer of lent) {
      if (this.#isClosed) pointer[Symbol.dispose]();
      else of.blocks.push(this.#putAway(pointer));
    }
    of.target = of.blocks.length;
  }

  async #ask(shard: number, of: BlocksOfShard): Promise<ForeignPtr<LentBytes>[]> {
    const { endpoint } = this.#here;
    const count = of.target - of.blocks.length;
    for (;;) {
      try {
        return await borrow(endpoint, shard, this.#byteLength, count, true);
      } catch (error) {
        if (error instanceof BusyError) await endpoint.bus.nextEnd();
        else if (of.blocks.length > 0 && error instanceof BadAllocError) return [];
        else throw error;
      }
    }
  }

  /** Takes a block over from a pointer, which is null afterwards, and has it at hand. */
  #putAway(pointer: ForeignPtr<LentBytes>): BorrowedBlock {
    const state = ForeignPtr["stateOf"](pointer);
    state.takeHandle();
    const { owner, handle, generation, object, address } = state;
    markReturned(this.#here.home.segment, address);
    state.clear();
    return { owner, handle, generation, object, address, pointer: undefined };
  }

  #takeOf(shard: number): ForeignPtr<LentBytes> | undefined {
    const { holders, home: { segment } } = this.#here;
    for (const block of this.#shards.get(shard)?.blocks ?? []) {
      if (!isOpen(holders, block) || !takeReturned(segment, block.address)) continue;
      const pointer = this.#pointerTo(block);
      block.pointer = new WeakRef(pointer);
      return pointer;
    }
  }

  #pointerTo({ owner, handle, generation, object }: BorrowedBlock): ForeignPtr<LentBytes> {
    const { endpoint, home } = this.#here;
    const state = new PointerState(this.#here, owner).setHandle(handle, generation, LENT, object);
    if (owner === endpoint.id) state.pointer = home.givenAway.get(handle, generation);
    return ForeignPtr["ofBlock"](state);
  }
}
