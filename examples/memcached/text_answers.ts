/**
 * The answers of the text protocol that are always the same.
 *
 * @module
 */

import { ascii } from "./output.ts";

/** No more items. */
export const END = ascii("END\r\n");
/** Done. */
export const OK = ascii("OK\r\n");
/** There is no such command. */
export const ERROR = ascii("ERROR\r\n");
/** The item is stored. */
export const STORED = ascii("STORED\r\n");
/** It is not, as it is there, or is not. */
export const NOT_STORED = ascii("NOT_STORED\r\n");
/** It has another version. */
export const EXISTS = ascii("EXISTS\r\n");
/** There is no such item. */
export const NOT_FOUND = ascii("NOT_FOUND\r\n");
/** It is deleted. */
export const DELETED = ascii("DELETED\r\n");
/** It has the new expiry. */
export const TOUCHED = ascii("TOUCHED\r\n");
/** A word is not what it should be. */
export const BAD_FORMAT = ascii("CLIENT_ERROR bad command line format\r\n");
/** A value is not followed by the end of a line. */
export const BAD_CHUNK = ascii("CLIENT_ERROR bad data chunk\r\n");
/** An expiry is not a number. */
export const BAD_EXPTIME = ascii("CLIENT_ERROR invalid exptime argument\r\n");
/** What is to be added is not a number. */
export const BAD_DELTA = ascii("CLIENT_ERROR invalid numeric delta argument\r\n");
/** Too many words. */
export const BAD_DELETE = ascii(
  "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n",
);
/** The value is not a number. */
export const NOT_NUMERIC = ascii(
  "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n",
);
/** No item may be so large. */
export const TOO_LARGE = ascii("SERVER_ERROR object too large for cache\r\n");
/** No memory for the item, although what could go has gone. */
export const NO_MEMORY = ascii("SERVER_ERROR out of memory storing object\r\n");
/** What its home shard had is lost, and it is not back yet. */
export const NO_SHARD = ascii("SERVER_ERROR the shard of this key is being restarted\r\n");
/** The answer to `mn`. */
export const MN = ascii("MN\r\n");
/** The server was told to have none of it. */
export const NO_FLUSH = ascii("CLIENT_ERROR flush_all not allowed\r\n");
/** No memory for a number that has grown. */
export const OUT_OF_MEMORY = ascii("SERVER_ERROR out of memory\r\n");
