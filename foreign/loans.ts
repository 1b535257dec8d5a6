/**
 * Blocks out on loan: a shard lends an endpoint some blocks of its slice, and that endpoint sends them round,
 * filled, until it needs them no more. The owner and the endpoint that has borrowed them give a block back
 * by disposing of it, with no message: HOLDER (pointer_holders.ts) becomes the borrower, RETURNED
 * (lent_bytes.ts) is set, and RETURNS is counted there, which wakes who waits for a block.
 *
 * Somebody answers for a block at every moment, as for every foreign pointer: HOLDER says who. When the
 * borrower dies, the owner ends its loans, and frees what HOLDER says that it held.
 *
 * Any other shard does not touch the block's header, which may be somebody else's memory as soon as it has
 * let go: there a block is destroyed as any other object is, and the borrower asks for one in its place.
 *
 * @module
 */

import type { EndpointPointers } from "./endpoint_pointers.ts";
import type { PointerHolders } from "./pointer_holders.ts";
import { lenderOf, markReturned, NO_LENDER, takeReturned } from "./local/mod.ts";

/** A block, as its pointer names it. */
export interface LentBlock {
  /** The shard whose slice it lies in. */
  readonly owner: number;
  /** Handle of its pointer. */
  readonly handle: number;
  /** Generation of the handle. */
  readonly generation: number;
  /** Where it begins. */
  readonly address: number;
}

/**
 * Gives a block back that `here` holds. False if it is not on loan, or not any more, or is not given back
 * from here: then it is still held here, and is to be destroyed.
 */
export function giveBack(here: EndpointPointers, block: LentBlock): boolean {
  const { endpoint, holders, home: { segment } } = here;
  // Invariant: memory of a former life of the owner is not touched. A life does not begin in the middle of
  // a turn: the owner's peers say first that they know of the end of the one before.
  if (!isOpen(holders, block)) return false;
  const { owner, handle, generation, address } = block;
  const lender = lenderOf(segment, address);
  if (lender === NO_LENDER || endpoint.id !== lender && endpoint.id !== owner) return false;
  if (!holders.pass(owner, handle, generation, endpoint.id, lender)) return false;
  markReturned(segment, address);
  // The borrower may just have ended the loan: it stores that before it looks at RETURNED, as this stores
  // RETURNED before it looks. So one of the two sees the other, and whoever clears RETURNED has the block.
  if (lenderOf(segment, address) === NO_LENDER && takeReturned(segment, address)) {
    // Unless the borrower has died, and the owner has taken it back.
    return !holders.pass(owner, handle, generation, lender, endpoint.id);
  }
  endpoint.countReturn(lender);
  return true;
}

/** Whether the block is still what its pointer names. */
export function isOpen(holders: PointerHolders, block: LentBlock): boolean {
  return holders.isOpen(block.owner, block.handle, block.generation);
}
