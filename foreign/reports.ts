/**
 * What is reported of foreign pointers where nobody waits: destructors that threw, pointers lost to the
 * garbage collector, pointers still held at the end. Texts only; `onWarning` hears of them.
 *
 * @module
 */

import type { GivenAwayPointer } from "./given_away_table.ts";

/** Pointers of one kind that somebody still held at the end. */
export interface Leak {
  /** The shard that owned the objects. */
  readonly owner: number;
  /** The endpoint that held them. */
  readonly holder: number;
  /** The class of the objects. */
  readonly className: string;
  /** How many. */
  readonly count: number;
  /** Where the first was made, if that is remembered. */
  readonly madeAt: string | undefined;
}

/** The pointers to the objects of `owner` that others hold, alike ones together. */
export function leaksAmong(owner: number, held: readonly GivenAwayPointer[]): Leak[] {
  const leaks = Map.groupBy(held, ({ holder, owned }) => `${holder} ${owned?.className}`);
  return [...leaks.values()].map((alike) => {
    const { holder, owned } = alike[0]!;
    const className = owned?.className ?? "nothing";
    return { owner, holder, className, count: alike.length, madeAt: owned?.madeAt };
  });
}

/**
 * The warning of pointers that were still held when the runtime stopped.
 *
 * @param host The endpoint that is the host.
 * @param debug Whether the runtime remembers where pointers were made.
 */
export function stillHeld(leaks: readonly Leak[], host: number, debug: boolean): Error {
  const lines = leaks.map(({ owner, holder, className, count, madeAt }) => {
    const by = holder === host ? "the host" : `shard ${holder}`;
    const made = madeAt === undefined ? "" : `; ${wasMade(madeAt)}`;
    return `- ${count} to ${className} of shard ${owner}, by ${by}${made}`;
  });
  if (!debug) lines.push("Start the runtime with `debug: true` to see where they were made");
  return new Error(
    `Foreign pointers were still held when the runtime stopped:\n${lines.join("\n")}`,
  );
}

/**
 * The warning of a pointer to an object of `owner` that the garbage collector has found on `holder`.
 *
 * @param className The class of the object; undefined if others share it.
 * @param madeAt Where the pointer was made, if that is remembered.
 * @param debug Whether the runtime remembers where pointers were made.
 */
export function lostToCollector(
  { className, owner, holder, madeAt, debug }: {
    readonly className: string | undefined;
    readonly owner: number;
    readonly holder: number;
    readonly madeAt: string | undefined;
    readonly debug: boolean;
  },
): Error {
  const lost = `A foreign pointer to ${
    className ?? "a shared object"
  } of shard ${owner} was lost to the garbage collector on endpoint ${holder}: dispose of it, or send it on`;
  if (madeAt !== undefined) return new Error(`${lost}; ${wasMade(madeAt)}`);
  return new Error(
    debug ? lost : `${lost}; start the runtime with \`debug: true\` to see where it was made`,
  );
}

function wasMade(madeAt: string): string {
  return `it was made\n${madeAt}`;
}
