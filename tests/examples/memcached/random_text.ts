/**
 * Random commands of the text protocol, classic and meta: valid ones, and such as nobody should send.
 * They work on a few keys, so that what one leaves is what the next finds.
 *
 * Nothing in them depends on the clock: what expires is over already, or lasts for minutes.
 *
 * Left out is what examples/memcached/README.md lists as a difference.
 *
 * @module
 */

import * as fc from "fast-check";

/** A command, or what looks like one. */
export interface RandomCommand {
  /**
   * A character for each byte. `{cas:KEY+N}` in it stands for the version that the key was last seen
   * with, and a little more or less.
   */
  readonly text: string;
  /** Keys whose items memcached holds on to until the answer is sent. */
  readonly reads: readonly string[];
  /** Keys whose number changes: in place, unless the item is held on to. */
  readonly counts: readonly string[];
  /** Whether it may ask for more bytes than it has: a few, which the server then waits for. */
  readonly mayWait: boolean;
  /** Whether all before it must have been answered: see where it is set. */
  readonly first: boolean;
  /** Whether the server closes the connection. */
  readonly closes: boolean;
}

/** A command that is nothing but its text. */
export function command(text: string, more: Partial<RandomCommand> = {}): RandomCommand {
  return { text, reads: [], counts: [], mayWait: false, first: false, closes: false, ...more };
}

/** Keys that commands share. */
export const KEYS = ["a", "b", "n", "m", "key:1", "foo", "k".repeat(250)];
/** Keys in base64, and what they stand for. */
export const BASE64_KEYS: ReadonlyMap<string, string> = new Map([
  ["Zm9v", "foo"],
  ["eHl6", "xyz"],
  ["AP8=", "\0\xff"],
  ["key1", "\x91\xec\xb5"], // which "key:1" is too, if it is read as base64
]);
const TOO_LONG_KEY = "k".repeat(251);

/** One of the keys; some of them more often, so that commands meet. */
export const key: fc.Arbitrary<string> = fc.constantFrom(...KEYS, "a", "a", "a", "n", "n");

/**
 * Short values, numbers among them; but none from 2^63 on, which memcached reads only as long as no
 * minus lies somewhere behind them in memory.
 */
export const value: fc.Arbitrary<string> = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom("0", "1", "9", "10", "99", "100", "5", "18") },
  {
    weight: 2,
    arbitrary: fc.constantFrom(
      ...["", "x", "abc", "12 ", "00012", "+7", "-1", "1x", "9007199254740993"],
      ...["9 and more", "\r\nx", "END\r\n", "x\r\nmn\r\n", "\0\xff\x80"],
    ),
  },
  {
    weight: 1,
    arbitrary: fc.integer({ min: 0, max: 300 }).map((length) => "z".repeat(length)),
  },
);

/** Values that are read, kept and sent in different ways for their length. */
export const longValue: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(2000, 4096, 9000, 16_384, 40_000, 300_000),
  fc.integer({ min: 301, max: 20_000 }),
).map((length) => "0123456789".repeat(length / 10 + 1).slice(0, length));

/** Text in place of a number, which few commands take. */
const oddNumber = fc.constantFrom(
  "",
  "x",
  "1x",
  "-",
  "+",
  "+1",
  "-1",
  "00",
  "1\t",
  "\t1",
  "1.5",
  "0x1",
  "4294967296",
  "4294967297",
  "18446744073709551616",
  "-18446744073709551615",
  "99999999999999999999999",
);

/** The same for seconds: none so few that they may be over soon. */
const oddSeconds = fc.constantFrom(
  ...["", "x", "1000x", "-", "+", "+1000", "-5", "00", "1000\t", "\t1000", "1.5", "0x1"],
  ...["4294967296", "4294968296", "2147483648", "18446744073709551616", "-9223372036854775808"],
);

function mostly(usual: fc.Arbitrary<string>, odd: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc.oneof({ weight: 25, arbitrary: usual }, { weight: 1, arbitrary: odd });
}

const anyKey = mostly(key, fc.constantFrom(TOO_LONG_KEY, "\xff\xfe", "noreply"));
const clientFlags = mostly(fc.constantFrom("0", "1", "5", "4294967295"), oddNumber);
const expiry = mostly(fc.constantFrom("0", "0", "0", "1000", "5000", "-1"), oddSeconds);
const delta = mostly(
  fc.constantFrom("1", "5", "10", "100", "4294967296", "1000000000000000"),
  oddNumber,
);
/** A version that the key was seen with, or one near it, or none that there is; `*` is for the key. */
const version = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(0, 0, 0, -1, 1_000_000).map((more) => `{cas:*+${more}}`),
  },
  { weight: 1, arbitrary: fc.constantFrom("0", "1", "18446744073709551615") },
  { weight: 1, arbitrary: oddNumber },
);

/** Names the key of a version. */
function ofKey(text: string, key: string): string {
  return text.replace("*", key);
}

/** How a value and its length fit together. */
const fit = fc.integer({ min: 0, max: 24 })
  .map((chance) => ["short", "long", "odd", "bad end"][chance] ?? "fits");
const lineEnd = fc.constantFrom("\r\n", "\r\n", "\r\n", "\r\n", "\n");
const noreply = fc.constantFrom("", "", "", "", " noreply", " noreplx");

/** What is announced, and what comes. */
const block = fc.tuple(value, fit, oddNumber).map(([value, fit, odd]) => {
  switch (fit) {
    case "short":
      return { length: `${Math.max(0, value.length - 2)}`, data: `${value}\r\n`, mayWait: false };
    case "long":
      return { length: `${value.length + 5}`, data: `${value}\r\n`, mayWait: true };
    case "odd":
      return { length: odd, data: `${value}\r\n`, mayWait: true };
    case "bad end":
      return { length: `${value.length}`, data: `${value}xy`, mayWait: true };
  }
  return { length: `${value.length}`, data: `${value}\r\n`, mayWait: false };
});

const store = fc.tuple(
  fc.constantFrom("set", "set", "set", "add", "replace", "append", "prepend", "cas", "cas"),
  anyKey,
  clientFlags,
  expiry,
  block,
  version,
  noreply,
  lineEnd,
).map(([name, key, flags, expiry, { length, data, mayWait }, version, noreply, end]) => {
  const cas = name === "cas" ? ` ${ofKey(version, key)}` : "";
  return command(`${name} ${key} ${flags} ${expiry} ${length}${cas}${noreply}${end}${data}`, {
    mayWait,
  });
});

/** A store that is sure to be taken for one: a line as long as its value closes the connection. */
const storeLong = fc.tuple(
  fc.constantFrom("set", "set", "set", "add", "replace", "append", "prepend"),
  key,
  fc.constantFrom("0 0", "5 1000", "7 -1"),
  longValue,
  noreply,
).map(([name, key, numbers, value, noreply]) =>
  command(`${name} ${key} ${numbers} ${value.length}${noreply}\r\n${value}\r\n`, {
    first: true,
  })
);

const tooLarge = fc.tuple(fc.constantFrom("set a 0 0", "add b 0 0", "ms n", "append a 0 0"))
  .map(([start]) => command(`${start} 1100000\r\n${"y".repeat(1_100_000)}\r\n`, { first: true }));

const get = fc.tuple(
  fc.constantFrom("get", "gets", "gets", "gat", "gats", "bget"),
  expiry,
  fc.array(key, { minLength: 1, maxLength: 4 }),
  lineEnd,
).map(([name, expiry, keys, end]) =>
  command(`${name}${name.startsWith("gat") ? ` ${expiry}` : ""} ${keys.join(" ")}${end}`, {
    reads: keys,
  })
);

const getMany = fc.integer({ min: 20, max: 400 }).map((count) => {
  const keys = Array.from({ length: count }, (_, i) => KEYS[i % 40] ?? `missing-${i}`);
  return command(`get ${keys.join(" ")}\r\n`, { reads: KEYS, first: true });
});

const count = fc.tuple(fc.constantFrom("incr", "decr"), anyKey, delta, noreply, lineEnd)
  .map(([name, key, delta, noreply, end]) =>
    command(`${name} ${key} ${delta}${noreply}${end}`, { counts: [key] })
  );

const others = fc.oneof(
  fc.tuple(anyKey, fc.constantFrom("", " 0", " 1", " noreply", " 0 noreply", " x y z"))
    .map(([key, more]) => command(`delete ${key}${more}\r\n`)),
  fc.tuple(anyKey, expiry, noreply).map(([key, expiry, noreply]) =>
    command(`touch ${key} ${expiry}${noreply}\r\n`)
  ),
  fc.constantFrom("flush_all", "flush_all 0", "flush_all -1", "flush_all x", "flush_all noreply")
    .map((text) => command(`${text}\r\n`)),
  fc.constantFrom("version", "mn", "verbosity 0", "verbosity", "verbosity x", "shutdown", "", " ")
    .map((text) => command(`${text}\r\n`)),
  // Memcached drops the answers to commands before it.
  fc.constant(command(`get ${TOO_LONG_KEY}\r\n`, { first: true })),
);

/** Words of the protocol in any order. */
const nonsense = fc.tuple(
  fc.array(
    fc.constantFrom(
      ...["get", "gets", "gat", "set", "add", "cas", "append", "incr", "decr", "delete", "touch"],
      ...["mg", "ms", "md", "ma", "me", "mn", "version", "noreply", "GET", "x"],
      ...["0", "60", "-1", "a", "b", "n", "v", "t", "c"],
    ),
    { maxLength: 30 },
  ),
  fc.constantFrom(" ", "  "),
  lineEnd,
).map(([words, space, end]) => {
  const keys = words.filter((word) => KEYS.includes(word));
  return command(`${words.join(space)}${end}`, { reads: keys, counts: keys, mayWait: true });
});

const bytes = fc.array(fc.integer({ min: 0, max: 255 }), { maxLength: 40 })
  .map((bytes) => command(`${String.fromCharCode(...bytes).replaceAll("\n", "")}\r\n`));

const closing = fc.constantFrom(
  "quit",
  "GET / HTTP/1.1",
  "POST /x HTTP/1.0",
  "quit now",
  "x".repeat(2100),
)
  .map((text) => command(text.startsWith("xx") ? text : `${text}\r\n`, { closes: true }));

// ─── Meta ──────────────────────────────────────────────────────────────────────────────────────

const ttl = mostly(fc.constantFrom("0", "1000", "5000", "-1"), oddSeconds);
const opaque = mostly(
  fc.constantFrom("1", "abc"),
  fc.constantFrom("", "x".repeat(31), "x".repeat(32)),
);
const plain = (flags: string) => fc.constantFrom(...flags);
const token = (flag: string, text: fc.Arbitrary<string>) => text.map((text) => flag + text);

const getFlag = fc.oneof(
  { weight: 6, arbitrary: plain("vvvtttcckkshhflu") },
  { weight: 2, arbitrary: plain("q") },
  { weight: 3, arbitrary: token("T", ttl) },
  { weight: 3, arbitrary: token("N", ttl) },
  { weight: 3, arbitrary: token("R", mostly(fc.constantFrom("30", "3000", "0", "-1"), oddNumber)) },
  { weight: 2, arbitrary: token("O", opaque) },
);
const setFlag = fc.oneof(
  { weight: 6, arbitrary: plain("cckkI") },
  { weight: 1, arbitrary: plain("q") },
  { weight: 2, arbitrary: token("T", ttl) },
  { weight: 2, arbitrary: token("F", clientFlags) },
  { weight: 3, arbitrary: token("C", version) },
  {
    weight: 3,
    arbitrary: token("M", mostly(fc.constantFrom(..."ERSAP"), fc.constantFrom("X", "", "AA"))),
  },
  { weight: 1, arbitrary: token("O", opaque) },
);
const deleteFlag = fc.oneof(
  { weight: 3, arbitrary: plain("kqIII") },
  { weight: 1, arbitrary: token("T", ttl) },
  { weight: 2, arbitrary: token("C", version) },
  { weight: 1, arbitrary: token("O", opaque) },
);
const countFlag = fc.oneof(
  { weight: 4, arbitrary: plain("vvtcck") },
  { weight: 1, arbitrary: plain("q") },
  { weight: 3, arbitrary: token("N", ttl) },
  { weight: 2, arbitrary: token("J", delta) },
  { weight: 2, arbitrary: token("D", delta) },
  {
    weight: 3,
    arbitrary: token("M", mostly(fc.constantFrom(..."DI+-"), fc.constantFrom("X", ""))),
  },
  { weight: 2, arbitrary: token("C", version) },
  { weight: 1, arbitrary: token("O", opaque) },
);
const strangeFlag = fc.constantFrom("v", "v", "Z", "!", "S1", "P1", "L2", "\xff", "b", "E5", "x");

function flagsOf(flag: fc.Arbitrary<string>): fc.Arbitrary<string[]> {
  const some = fc.uniqueArray(flag, { maxLength: 6, size: "max", selector: (word) => word[0] });
  return fc.tuple(some, fc.integer({ min: 0, max: 60 }), strangeFlag)
    .map(([flags, chance, strange]) => chance === 0 ? [...flags, strange] : flags);
}

interface MetaKey {
  readonly word: string;
  readonly key: string;
  readonly flag: string;
}
const metaKey: fc.Arbitrary<MetaKey> = fc.oneof(
  { weight: 30, arbitrary: anyKey.map((key) => ({ word: key, key, flag: "" })) },
  {
    weight: 10,
    arbitrary: fc.constantFrom(...BASE64_KEYS).map(([word, key]) => ({ word, key, flag: "b" })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("Zm9vYg", "====", "Zm9", "!").map((word) => ({
      word,
      key: word,
      flag: "b",
    })),
  },
);

/** The flags with that of the key among them, anywhere. */
function withKeyFlag(flags: readonly string[], { key, flag }: MetaKey, at: number): string {
  const all = [...flags];
  if (flag !== "") all.splice(at % (all.length + 1), 0, flag);
  return all.map((flag) => ` ${ofKey(flag, key)}`).join("");
}

const place = fc.nat({ max: 7 });
const metaGet = fc.tuple(metaKey, flagsOf(getFlag), place).map(([key, flags, at]) =>
  command(`mg ${key.word}${withKeyFlag(flags, key, at)}\r\n`, { reads: [key.key] })
);
const metaSet = fc.tuple(metaKey, block, flagsOf(setFlag), place)
  .map(([key, { length, data, mayWait }, flags, at]) =>
    command(`ms ${key.word} ${length}${withKeyFlag(flags, key, at)}\r\n${data}`, { mayWait })
  );
const metaSetLong = fc.tuple(key, longValue, flagsOf(setFlag)).map(([key, value, flags]) =>
  command(
    `ms ${key} ${value.length}${
      flags.map((word) => ` ${ofKey(word, key)}`).join("")
    }\r\n${value}\r\n`,
    {
      first: true,
    },
  )
);
const metaDelete = fc.tuple(metaKey, flagsOf(deleteFlag), place).map(([key, flags, at]) =>
  command(`md ${key.word}${withKeyFlag(flags, key, at)}\r\n`)
);
const metaCount = fc.tuple(metaKey, flagsOf(countFlag), place, ttl).map(([key, flags, at, ttl]) => {
  // A number that grows loses the T of the same command with memcached, so only others get one.
  const all = flags.includes("MD") ? [...flags, `T${ttl}`] : flags;
  return command(`ma ${key.word}${withKeyFlag(all, key, at)}\r\n`, { counts: [key.key] });
});
const metaDebug = fc.tuple(metaKey).map(([key]) =>
  command(`me ${key.word}${key.flag === "" ? "" : " b"}\r\n`)
);

/** Commands of the classic text protocol, and some meta ones that see what these leave. */
export const textCommand: fc.Arbitrary<RandomCommand> = fc.oneof(
  { weight: 50, arbitrary: store },
  { weight: 10, arbitrary: storeLong },
  { weight: 50, arbitrary: get },
  { weight: 25, arbitrary: count },
  { weight: 25, arbitrary: others },
  { weight: 10, arbitrary: metaGet },
  { weight: 3, arbitrary: nonsense },
  { weight: 3, arbitrary: bytes },
  { weight: 2, arbitrary: getMany },
  { weight: 1, arbitrary: tooLarge },
  { weight: 2, arbitrary: closing },
);

/** Meta commands, and some classic ones. */
export const metaCommand: fc.Arbitrary<RandomCommand> = fc.oneof(
  { weight: 50, arbitrary: metaSet },
  { weight: 10, arbitrary: metaSetLong },
  { weight: 60, arbitrary: metaGet },
  { weight: 25, arbitrary: metaCount },
  { weight: 20, arbitrary: metaDelete },
  { weight: 5, arbitrary: metaDebug },
  { weight: 10, arbitrary: store },
  { weight: 10, arbitrary: get },
  { weight: 5, arbitrary: others },
  { weight: 3, arbitrary: nonsense },
  { weight: 1, arbitrary: closing },
);
