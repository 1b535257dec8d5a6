/**
 * What a debug heap says of blocks that nobody freed.
 *
 * @module
 */
import { addressOf } from "../layout/mod.ts";
import type { CallFrame, CallStack } from "./call_stack.ts";

/** Live blocks that were asked for at one place. */
export interface Leak {
  /** The calls that led there, innermost first; none if the debug heap keeps no stacks. */
  readonly stack: readonly CallFrame[];
  /** The same as text, a line for each. */
  readonly text: string;
  /** How many blocks. */
  readonly blocks: number;
  /** Bytes asked for, of all of them. */
  readonly bytes: number;
  /** Where the first few lie, in the order in which they were asked for. */
  readonly addresses: readonly number[];
}

/** Addresses that a leak names. */
const NAMED_ADDRESSES = 8;
/** Places that a report names. */
const REPORTED_PLACES = 20;

/** What is known of a live block. */
interface LiveBlock {
  readonly block: number;
  readonly byteLength: number;
  readonly allocated: CallStack | undefined;
}

/** Gathers live blocks by the place that asked for them, the one with the most bytes first. */
export function leaksOf(words: Int32Array, live: Iterable<LiveBlock>): Leak[] {
  const places = new Map<string, LiveBlock[]>();
  for (const entry of live) {
    const text = entry.allocated?.text ?? "";
    const found = places.get(text);
    if (found === undefined) places.set(text, [entry]);
    else found.push(entry);
  }
  const leaks = Array.from(places, ([text, entries]) => ({
    stack: entries[0]!.allocated?.frames ?? [],
    text,
    blocks: entries.length,
    bytes: entries.reduce((sum, { byteLength }) => sum + byteLength, 0),
    addresses: entries.slice(0, NAMED_ADDRESSES).map(({ block }) => addressOf(words, block)),
  }));
  return leaks.sort((a, b) => b.bytes - a.bytes);
}

/** Leaks as text, empty if there are none. */
export function leakReport(sliceIndex: number, leaks: readonly Leak[]): string {
  if (leaks.length === 0) return "";
  const blocks = leaks.reduce((sum, leak) => sum + leak.blocks, 0);
  const bytes = leaks.reduce((sum, leak) => sum + leak.bytes, 0);
  const lines = [`Slice ${sliceIndex} leaks ${bytes} bytes in ${counted(blocks, "block")}`];
  for (const leak of leaks.slice(0, REPORTED_PLACES)) {
    const more = leak.blocks > leak.addresses.length ? ", …" : "";
    lines.push(
      `  ${leak.bytes} bytes in ${counted(leak.blocks, "block")} at ` +
        `${leak.addresses.join(", ")}${more}, asked for`,
    );
    if (leak.text === "") lines.push("    at a place that is not known");
    else for (const line of leak.text.split("\n")) lines.push(`    ${line}`);
  }
  if (leaks.length > REPORTED_PLACES) {
    lines.push(`  and at ${counted(leaks.length - REPORTED_PLACES, "other place")}`);
  }
  return lines.join("\n");
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
