/**
 * Numbers of the binary protocol (memcached's protocol_binary.h).
 *
 * ```
 * byte  0  magic: 0x80 a request, 0x81 a response
 *       1  opcode
 *       2  length of the key
 *       4  length of the extras
 *       5  data type, 0
 *       6  of a response: status
 *       8  length of the body: extras, key and value together
 *      12  opaque: copied into the response
 *      16  cas: the version
 *      24  extras, key, value
 * ```
 *
 * @module
 */

import { ascii } from "./output.ts";
import * as request from "./request.ts";

/** Bytes of a header. */
export const HEADER_BYTES = 24;
/** What a request begins with. */
export const REQUEST_MAGIC = 0x80;
/** What a response begins with. */
export const RESPONSE_MAGIC = 0x81;

// Opcodes, of what is not quiet.
export const GET = 0x00;
export const SET = 0x01;
export const ADD = 0x02;
export const REPLACE = 0x03;
export const DELETE = 0x04;
export const INCREMENT = 0x05;
export const DECREMENT = 0x06;
export const QUIT = 0x07;
export const FLUSH = 0x08;
export const NOOP = 0x0a;
export const VERSION_CODE = 0x0b;
export const GETK = 0x0c;
export const APPEND = 0x0e;
export const PREPEND = 0x0f;
export const STAT = 0x10;
export const TOUCH = 0x1c;
export const GAT = 0x1d;
export const GATK = 0x23;
export const SASL_LIST = 0x20;
export const SASL_AUTH = 0x21;
export const SASL_STEP = 0x22;

/** What a quiet command is when it is not quiet. */
export const LOUD: ReadonlyMap<number, number> = new Map([
  [0x09, GET],
  [0x0d, GETK],
  [0x11, SET],
  [0x12, ADD],
  [0x13, REPLACE],
  [0x14, DELETE],
  [0x15, INCREMENT],
  [0x16, DECREMENT],
  [0x17, QUIT],
  [0x18, FLUSH],
  [0x19, APPEND],
  [0x1a, PREPEND],
  [0x1e, GAT],
  [0x24, GATK],
]);

// The status of a response.
export const STATUS_OK = 0x0000;
export const STATUS_NOT_FOUND = 0x0001;
export const STATUS_EXISTS = 0x0002;
export const STATUS_TOO_LARGE = 0x0003;
export const STATUS_INVALID = 0x0004;
export const STATUS_NOT_STORED = 0x0005;
export const STATUS_NOT_NUMERIC = 0x0006;
export const STATUS_NOT_ALLOWED = 0x0020;
export const STATUS_UNKNOWN = 0x0081;
export const STATUS_NO_MEMORY = 0x0082;
export const STATUS_BUSY = 0x0085;

/** What the value of an error says. */
export const STATUS_TEXTS: ReadonlyMap<number, Uint8Array> = new Map([
  [STATUS_NOT_FOUND, ascii("Not found")],
  [STATUS_EXISTS, ascii("Data exists for key.")],
  [STATUS_TOO_LARGE, ascii("Too large.")],
  [STATUS_INVALID, ascii("Invalid arguments")],
  [STATUS_NOT_STORED, ascii("Not stored.")],
  [STATUS_NOT_NUMERIC, ascii("Non-numeric server-side value for incr or decr")],
  [STATUS_NOT_ALLOWED, ascii("Auth failure.")],
  [STATUS_UNKNOWN, ascii("Unknown command")],
  [STATUS_NO_MEMORY, ascii("Out of memory")],
  [STATUS_BUSY, ascii("The shard of this key is being restarted")],
]);

/** The status by the outcome of a request. */
export const STATUS_OF: ReadonlyMap<number, number> = new Map([
  [request.NOT_STORED, STATUS_NOT_STORED],
  [request.EXISTS, STATUS_EXISTS],
  [request.NOT_FOUND, STATUS_NOT_FOUND],
  [request.TOO_LARGE, STATUS_TOO_LARGE],
  [request.NO_MEMORY, STATUS_NO_MEMORY],
  [request.NOT_NUMERIC, STATUS_NOT_NUMERIC],
  [request.NO_SHARD, STATUS_BUSY],
]);
