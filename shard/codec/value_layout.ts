/**
 * How values lie in the bytes of a message. A message is self-contained: nothing in it refers to
 * an earlier one.
 *
 * ```
 * byte 0  FLAGS   HAS_REFERENCES, HAS_WIRE_TYPES, HAS_POOL; written last, when they are known
 *      1  count   u32, the number of values
 *      5  values  one after the other, each a tag and what the tag says
 *         pool    if HAS_POOL: the parts, each LATIN1, UTF8 or UTF16; u32, their bytes
 * ```
 *
 * The pool is the text of all POOLED_TEXT, one behind the other: to write and to read it as a whole takes
 * a fraction of the time of one by one. None lies in two parts.
 *
 * The tag holds the commonest values itself:
 *
 * ```
 * 0x00-0x3f  one of the tags below
 * 0x40-0x7f  Latin-1 text of 0 to 63 characters, one byte each
 * 0x80-0xff  the integer 0 to 127
 * ```
 *
 * | tag | followed by |
 * |---|---|
 * | INT32 | 4 bytes, the lowest first |
 * | FLOAT64, BIGINT64 | 0 to 7 bytes of padding to a multiple of eight, 8 bytes in the machine's own order |
 * | BIGINT | its hexadecimal digits as text, with a sign |
 * | LATIN1 | u32 characters, one byte each |
 * | UTF8 | u32 bytes, the bytes |
 * | UTF16 | u32 units, two bytes each, the lower first |
 * | POOLED_TEXT | u8 units, which are the next in the pool |
 * | ARRAY | u32 length, the elements; INTEGERS or FLOATS in an element's place are several, SPARSE ends them |
 * | INTEGERS, FLOATS | u32 count, 0 to 7 bytes of padding to a multiple of eight, 4 or 8 bytes each in the machine's own order |
 * | SPARSE | u32 count, then u32 index and value of each element there is from here on |
 * | SHAPE | u16 hash, u8 bytes, u8 count, the keys (u8 length, Latin-1), the values |
 * | WIDE_SHAPE | the same with bytes in units of 16, and padding behind the keys up to the next |
 * | SHAPE_AGAIN | u8 number of an earlier shape in the message (the first 256 are numbered), the values |
 * | DICTIONARY | u32 count, then key as text and value of each |
 * | MAP, SET | u32 count, keys and values in turn |
 * | DATE | milliseconds as FLOAT64 without its tag |
 * | REGEXP | source and flags as text |
 * | BUFFER | u32 bytes, 0 to 7 bytes of padding to a multiple of eight, the bytes |
 * | RESIZABLE | greatest bytes as FLOAT64 without its tag, then as BUFFER |
 * | VIEW | u8 kind, then as BUFFER |
 * | BOXED | the primitive |
 * | ERROR | see error_codec.ts |
 * | REFERENCE | u32 number of an earlier object in the message |
 * | WIRE | u8 wire type, its words |
 *
 * Objects are numbered in the order in which their tags are written; shapes likewise. Multiples of eight
 * count from byte 0, which lies at one. What padding holds means nothing.
 *
 * @module
 */

/** Flag: the message has a REFERENCE, so the reader has to remember objects. */
export const HAS_REFERENCES = 1;
/** Flag: the message has a WIRE value, so it cannot be dropped without a look inside. */
export const HAS_WIRE_TYPES = 2;
/** Flag: the message has POOLED_TEXT. */
export const HAS_POOL = 4;
/** Bytes before the first value. */
export const HEADER_BYTES = 5;

/** `undefined`. */
export const UNDEFINED = 0x01;
/** `null`. */
export const NULL = 0x02;
/** `false`. */
export const FALSE = 0x03;
/** `true`. */
export const TRUE = 0x04;
/** An integer that fits 32 bits; never -0. */
export const INT32 = 0x05;
/** Any other number. */
export const FLOAT64 = 0x06;
/** A bigint that fits 64 bits. */
export const BIGINT64 = 0x07;
/** Any other bigint. */
export const BIGINT = 0x08;
/** Text of characters up to 0xff. */
export const LATIN1 = 0x09;
/** Any text. */
export const UTF16 = 0x0a;
/** Well-formed text. */
export const UTF8 = 0x0b;
/** Text that lies in the pool. */
export const POOLED_TEXT = 0x0c;
/** An array. */
export const ARRAY = 0x10;
/** The elements that follow the first hole of an array. */
export const SPARSE = 0x11;
/** An object with keys that may come again. */
export const SHAPE = 0x12;
/** Elements of an array that all are integers of 32 bits, never -0. */
export const INTEGERS = 0x21;
/** Elements of an array that all are numbers. */
export const FLOATS = 0x22;
/** The same with more than 255 bytes of keys. */
export const WIDE_SHAPE = 0x20;
/** An object with the keys of an earlier one. */
export const SHAPE_AGAIN = 0x13;
/** An object with many or long keys, or none. */
export const DICTIONARY = 0x14;
/** A Map. */
export const MAP = 0x15;
/** A Set. */
export const SET = 0x16;
/** A Date. */
export const DATE = 0x17;
/** A RegExp. */
export const REGEXP = 0x18;
/** An ArrayBuffer of fixed length. */
export const BUFFER = 0x19;
/** An ArrayBuffer that can be resized. */
export const RESIZABLE = 0x1a;
/** A typed array or a DataView. */
export const VIEW = 0x1b;
/** A Boolean, Number, String or BigInt object. */
export const BOXED = 0x1c;
/** An error. */
export const ERROR = 0x1d;
/** An object met before. */
export const REFERENCE = 0x1e;
/** An object of a wire type. */
export const WIRE = 0x1f;
/** Latin-1 text whose length is in the tag. */
export const SHORT_TEXT = 0x40;
/** An integer that is in the tag. */
export const SMALL_INTEGER = 0x80;

/** The most characters that SHORT_TEXT holds. */
export const SHORT_TEXT_LENGTH = 0x3f;
/** The most units of POOLED_TEXT. */
export const POOLED_LENGTH = 0xff;
/**
 * The most units of a part of the pool. The engine keeps what is longer than twelve as a piece of the whole
 * that it was cut from: so one that a program holds on to keeps no more than this alive.
 */
export const PART_LENGTH = 1024;
/** An array of fewer elements has no INTEGERS and no FLOATS. */
export const RUN_LENGTH = 6;
/** The most keys of a shape. */
export const SHAPE_KEYS = 128;
/** The most bytes of the keys of a SHAPE. */
export const SHAPE_BYTES = 255;
/** Bytes of the unit of a WIDE_SHAPE. */
export const WIDE_SHAPE_UNIT = 16;
/** How many shapes of one message are numbered. */
export const NUMBERED_SHAPES = 256;

/**
 * The most objects inside one another. About half of what the writer was seen to manage on the stack
 * of a worker and of the main thread (1,850 errors, 2,300 Maps, 2,900 plain objects, at least), so
 * that the caller may be deep itself.
 */
export const MAX_DEPTH = 1000;

/** Kinds of VIEW: the index here is the number on the wire. */
export const VIEW_CLASSES: readonly (new (buffer: ArrayBuffer) => ArrayBufferView)[] = [
  Uint8Array,
  Uint8ClampedArray,
  Int8Array,
  Uint16Array,
  Int16Array,
  Uint32Array,
  Int32Array,
  BigUint64Array,
  BigInt64Array,
  Float16Array,
  Float32Array,
  Float64Array,
  DataView,
];
