/**
 * What a server can be told, and what it makes of it: each option is checked once, here, before
 * anything starts.
 *
 * @module
 */

import { parseMemorySize } from "@tidepool/core";
import type { ProtocolName } from "./connection.ts";
import { MAX_ITEM_BYTES } from "./item.ts";

/** Where and how a shard serves. */
export interface ServeOptions {
  /** The port; 0 for one that is free. */
  readonly port: number;
  /** The address to listen on. */
  readonly hostname: string;
  /** What connections speak. */
  readonly protocol: ProtocolName;
  /** The most connections of all shards together. */
  readonly maxConnections: number;
  /** The largest item, in bytes as memcached counts them. */
  readonly maxItemBytes: number;
  /** Seconds after which a connection is closed from which no command came; 0 for never. */
  readonly idleTimeout: number;
  /** Seconds after which free memory goes back to the system; 0 for never. */
  readonly trimAfter: number;
  /** Whether `flush_all` does anything. */
  readonly flushEnabled: boolean;
}

/** Where and how to serve, as it may be given. */
export interface GivenOptions extends Partial<Omit<ServeOptions, "maxItemBytes">> {
  /** The largest item: bytes, or text like "2MiB". */
  readonly maxItemSize?: number | string;
}

/** As many connections as memcached takes unless told otherwise. */
export const DEFAULT_CONNECTIONS = 1024;
/** The most that can be asked for. */
export const MOST_CONNECTIONS = 1_000_000;
/** A week: longer than that no connection, and no memory, need be idle. */
export const LONGEST_IDLE_SECONDS = 7 * 24 * 60 * 60;
/** The least that the largest item can be. */
export const LEAST_ITEM_BYTES = 2 ** 10;
/** The most. */
export const MOST_ITEM_BYTES = 2 ** 30;

/**
 * Checks the options, and says the defaults of those that were not given.
 *
 * @throws {RangeError} If a number is out of its range.
 */
export function serveOptions(given: GivenOptions): ServeOptions {
  const { maxConnections = DEFAULT_CONNECTIONS, idleTimeout = 0, trimAfter = 0 } = given;
  const maxItemBytes = parseMemorySize(given.maxItemSize ?? MAX_ITEM_BYTES);
  expectWhole("maxConnections", maxConnections, 1, MOST_CONNECTIONS);
  expectWhole("idleTimeout", idleTimeout, 0, LONGEST_IDLE_SECONDS);
  expectWhole("trimAfter", trimAfter, 0, LONGEST_IDLE_SECONDS);
  if (maxItemBytes < LEAST_ITEM_BYTES || maxItemBytes > MOST_ITEM_BYTES) {
    throw new RangeError(
      `max-item-size is ${maxItemBytes} bytes: expected a size from 1KiB to 1GiB`,
    );
  }
  return {
    port: given.port ?? 11211,
    hostname: given.hostname ?? "127.0.0.1",
    protocol: given.protocol ?? "auto",
    maxConnections,
    maxItemBytes,
    idleTimeout,
    trimAfter,
    flushEnabled: given.flushEnabled ?? true,
  };
}

/**
 * Checks that the slice of a shard can hold two of the largest items, as one is there while another
 * takes its place.
 *
 * @throws {RangeError} If it can't, and such a size was asked for.
 */
export function expectItemsFit({ maxItemBytes }: ServeOptions, sliceBytes: number): void {
  if (maxItemBytes <= MAX_ITEM_BYTES || maxItemBytes <= sliceBytes / 2) return;
  throw new RangeError(
    `max-item-size is ${maxItemBytes} bytes: expected half of a shard's ${sliceBytes} bytes of memory at most`,
  );
}

/** @throws {RangeError} If it is no whole number from `least` to `most`. */
function expectWhole(name: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw new RangeError(`${name} is ${value}: expected a whole number from ${least} to ${most}`);
}
