/**
 * What is sent to the server and to a real memcached in the text protocol, and must be answered alike.
 *
 * @module
 */

const LONG_KEY = "k".repeat(250);
/** A key that is too long by a byte. */
export const TOO_LONG_KEY = "k".repeat(251);

/** Scripts of the text protocol, by what they are about. A real `mn` is put behind each. */
export const TEXT_SCRIPTS: Readonly<Record<string, string>> = {
  "set and get": "set a 5 0 3\r\nabc\r\nget a\r\ngets a\r\nget b\r\nget a b a\r\n",
  "an empty value": "set a 0 0 0\r\n\r\nget a\r\n",
  "values with CR LF inside": "set a 0 0 6\r\n\r\nEND\n\r\nget a\r\n",
  "lines that end with LF alone": "set a 0 0 1\nx\r\nget a\n",
  "spaces between words": "set   a  0 0   1\r\nx\r\n get  a \r\n",
  "unknown commands": "foo\r\n\r\n \r\nGET a\r\nx\r\ngetx a\r\n",
  "too few words":
    "set a\r\nget\r\ngets\r\ngat\r\ngat 1\r\ncas a 0 0 1\r\ndelete\r\nincr a\r\ntouch a\r\n",
  "too many words": "set a 0 0 1 noreply x\r\nincr a 1 noreply x\r\ntouch a 1 noreply x\r\n",
  "bad numbers": "set a x 0 1\r\nset a 0 x 1\r\nset a 0 0 x\r\nset a 0 0 -1\r\nset a -1 0 1\r\n" +
    "set a 0 0 1x\r\ncas a 0 0 1 x\r\n",
  "a value that is too long": "set a 0 0 3\r\nabcdef\r\nget a\r\n",
  "a value that is too short": "set a 0 0 3\r\nab\r\nget a\r\n",
  "a bad value for noreply": "set a 0 0 3 noreply\r\nabcdef\r\nget a\r\n",
  "keys at the limit": `set ${LONG_KEY} 0 0 1\r\nx\r\nget ${LONG_KEY}\r\ndelete ${LONG_KEY}\r\n`,
  "a set beyond it": `set ${TOO_LONG_KEY} 0 0 1\r\nx\r\n`,
  "a get beyond it": `get ${TOO_LONG_KEY}\r\n`,
  "others beyond it": `delete ${TOO_LONG_KEY}\r\nincr ${TOO_LONG_KEY} 1\r\n` +
    `touch ${TOO_LONG_KEY} 1\r\n`,
  "a key too long among others": `get a ${TOO_LONG_KEY} b\r\n`,
  "add and replace": "replace a 0 0 1\r\nx\r\nadd a 1 0 1\r\ny\r\nadd a 2 0 1\r\nz\r\n" +
    "replace a 3 0 2\r\nzz\r\nget a\r\n",
  "append and prepend": "append a 0 0 1\r\nx\r\nprepend a 0 0 1\r\nx\r\nset a 7 0 1\r\nm\r\n" +
    "append a 9 0 2\r\n>>\r\nprepend a 9 0 2\r\n<<\r\nget a\r\n",
  "cas": "cas a 0 0 1 1\r\nx\r\nset a 0 0 1\r\nx\r\ncas a 0 0 1 99999\r\ny\r\n" +
    "cas a 0 0 1 18446744073709551615\r\ny\r\nget a\r\n",
  "delete":
    "delete a\r\nset a 0 0 1\r\nx\r\ndelete a\r\nget a\r\nset a 0 0 1\r\nx\r\ndelete a 0\r\n" +
    "delete a 1\r\ndelete a 0 noreply\r\ndelete a noreply\r\ndelete a x noreply\r\n",
  "incr and decr":
    "incr n 1\r\nset n 0 0 2\r\n10\r\nincr n 5\r\ndecr n 6\r\nget n\r\ndecr n 100\r\n" +
    "get n\r\nincr n 18446744073709551615\r\nincr n 1\r\nincr n 18446744073709551616\r\n" +
    "incr n x\r\nincr n -1\r\nget n\r\n",
  "numbers that are none": "set n 0 0 1\r\nx\r\nincr n 1\r\nset n 0 0 0\r\n\r\nincr n 1\r\n" +
    "set n 0 0 3\r\n 12\r\nincr n 1\r\nset n 0 0 3\r\n12 \r\nincr n 1\r\nset n 0 0 2\r\n-1\r\n" +
    "incr n 1\r\nset n 0 0 3\r\n1x2\r\nincr n 1\r\nset n 0 0 20\r\n18446744073709551615\r\n" +
    "incr n 2\r\nset n 0 0 20\r\n18446744073709551616\r\nincr n 2\r\n",
  "numbers that grow": "set n 3 0 1\r\n9\r\nincr n 1\r\nget n\r\ndecr n 1\r\nget n\r\n",
  "touch and gat": "touch a 0\r\nset a 4 0 1\r\nx\r\ntouch a 0\r\ntouch a x\r\ngat 0 a\r\n" +
    "gats 0 a b\r\ngat x a\r\ngat 100 a\r\ntouch a 100\r\nget a\r\n",
  "expired at once": "set a 0 -1 1\r\nx\r\nget a\r\nset a 0 0 1\r\nx\r\ntouch a -1\r\nget a\r\n" +
    "set a 0 0 1\r\nx\r\ngat -1 a\r\nget a\r\nset a 0 2592001 1\r\nx\r\nget a\r\n",
  "noreply":
    "set a 0 0 1 noreply\r\nx\r\nadd a 0 0 1 noreply\r\ny\r\nappend a 0 0 1 noreply\r\nz\r\n" +
    "get a\r\nincr a 1 noreply\r\ntouch a 0 noreply\r\ndelete b noreply\r\nverbosity 0 noreply\r\n" +
    "flush_all noreply\r\nget a\r\n",
  "flush_all":
    "set a 0 0 1\r\nx\r\nflush_all\r\nget a\r\nadd a 0 0 1\r\ny\r\nget a\r\nflush_all 0\r\n" +
    "get a\r\nflush_all x\r\nflush_all 1 2 3\r\nset a 0 0 1\r\nx\r\nflush_all 1000\r\nget a\r\n" +
    "flush_all -1\r\nget a\r\n",
  "verbosity": "verbosity\r\nverbosity 1\r\nverbosity x\r\nverbosity 1 2 3\r\nverbosity 0\r\n",
  "shutdown": "shutdown\r\n",
  "an item larger than any": `set a 0 0 1\r\nx\r\nset a 0 0 1100000\r\n${
    "y".repeat(1_100_000)
  }\r\nget a\r\nadd b 0 0 1100000\r\n${"y".repeat(1_100_000)}\r\nget b\r\n`,
  "a long item": `set a 0 0 300000\r\n${"z".repeat(300_000)}\r\nget a\r\ngets a b a\r\n`,
  "a long item that ends badly": `set a 0 0 30000\r\n${"z".repeat(30_000)}xx\r\nget a\r\n`,
  "a get of many keys": `set k7 0 0 1\r\nx\r\nset k99 0 0 2\r\nyy\r\nget ${
    Array.from({ length: 200 }, (_, i) => `k${i}`).join(" ")
  }\r\n`,
  "a line longer than any buffer at first": `set x 0 0 1\r\ny\r\nget ${
    Array.from({ length: 3000 }, (_, i) => `key-${i}`).join(" ")
  } x\r\n`,
  "me": "me\r\nme a\r\nme a b\r\n",
  "mn": "mn\r\nmn x\r\n",
  "mg":
    "mg\r\nmg a\r\nset a 9 0 3\r\nabc\r\nmg a\r\nmg a v\r\nmg a v f s k t\r\nmg a k Oxyz v q\r\n" +
    "mg b v q\r\nmg b k O1\r\nmg a v v\r\nmg a !\r\nmg a h\r\nmg a h\r\nmg a l t\r\n" +
    `mg a T30 t\r\nmg a t\r\nmg a Tx\r\nmg ${TOO_LONG_KEY}\r\nmg a S100\r\nmg a P1 Lpath v\r\n`,
  "mg with base64":
    "ms Zm9v 3 b\r\nabc\r\nget foo\r\nmg Zm9v b v k\r\nmg foo v k\r\nmg === b\r\nmg Zm8= b k\r\n",
  "mg that makes and renews":
    "mg a N30 v t\r\nmg a N30 v t\r\nmg a v\r\nms a 1\r\nx\r\nmg a v\r\n" +
    "ms a 1 T100\r\nx\r\nmg a R30 v\r\nmg a R300 v\r\nmg a R300 v\r\n",
  "mg without a trace": "set a 0 0 1\r\nx\r\nmg a u h\r\nmg a h\r\nmg a h u\r\n",
  "ms":
    "ms a\r\nms a x\r\nms a 1\r\nx\r\nms a 2 k O7 F5\r\nxx\r\nget a\r\nms a 1 T-1\r\nx\r\nget a\r\n" +
    "ms a 3\r\nabcdef\r\nms a -1\r\nms a 1 q\r\nx\r\nget a\r\nms a 1 Fx\r\nx\r\nms a 1 MX\r\nx\r\n" +
    "ms a 1 MSS\r\nx\r\n",
  "ms modes":
    "ms a 1 MR\r\nx\r\nms a 1 ME\r\nx\r\nms a 1 ME\r\ny\r\nms a 1 MA\r\nz\r\nms a 1 MP\r\nw\r\n" +
    "get a\r\nms a 1 MS\r\nq\r\nms b 1 MA\r\nx\r\nms a 1 MR F3\r\nx\r\nget a\r\n",
  "ms with a version":
    "ms a 1 C1\r\nx\r\nset a 0 0 1\r\nx\r\nms a 1 C99999\r\ny\r\nms a 1 C0\r\ny\r\nmg a v\r\n",
  "md": "md\r\nmd a\r\nset a 0 0 1\r\nx\r\nmd a k O9\r\nget a\r\nset a 0 0 1\r\nx\r\nmd a q\r\n" +
    "md a q\r\nset a 0 0 1\r\nx\r\nmd a C99999\r\nmd a x\r\nmd a q q\r\n",
  "md that marks":
    "set a 0 0 1\r\nx\r\nmd a I T30\r\nmg a v t\r\nmg a v\r\nms a 1\r\ny\r\nmg a v\r\n",
  "ma":
    "ma\r\nma n\r\nma n N0 J13 v\r\nma n v\r\nma n v D5\r\nma n MD D4 v\r\nma n M- D400 v t\r\n" +
    "ma n T30 t v k O4\r\nma n q\r\nma n MX\r\nma n Dx\r\nset n 0 0 1\r\nx\r\nma n\r\nma m q\r\n" +
    "ma n Jx\r\n",
  "a NUL in a line": "get a\0b\r\nset a 0 0 1\r\nx\r\nget a\0b\r\n",
  "high bytes in a key": "set \xff\xfe 0 0 1\r\nx\r\nget \xff\xfe\r\n",
  "a request of HTTP": "GET / HTTP/1.0\r\nset a 0 0 1\r\ny\r\n",
  "what is no request of HTTP": "x HTTP/1.0\r\ngetit HTTP/1.0\r\nmx HTTP/1.0\r\nPOST HTTP\r\n",
  "a POST": "POST / HTTP/1.1\r\nHost: x\r\n",
  "version": "version\r\n",
  "detail on, off and dump":
    "stats detail dump\r\nstats detail on\r\nset foo:a 0 0 1\r\nx\r\nget foo:a foo:b nop\r\n" +
    "delete foo:a\r\nget foo:a\r\nset plain 0 0 1\r\nx\r\nms foo:a 1\r\nx\r\nmg foo:a\r\n" +
    "touch foo:a 0\r\ngat 0 foo:a\r\nincr foo:a 1\r\nset foo:a 0 0 2000000\r\n" +
    `${"y".repeat(2_000_000)}\r\nstats detail off\r\nget foo:a\r\nstats detail dump\r\n` +
    "stats detail\r\nstats detail x\r\nstats reset\r\nstats detail dump\r\n",
  "cachedump that is wrong": "stats cachedump\r\nstats cachedump 1\r\nstats cachedump x 1\r\n" +
    "stats cachedump 1 x\r\nstats cachedump 1000 1\r\nstats cachedump 0 1\r\n",
  "numbers of more than 32 bits":
    "set a 4294967301 0 1\r\nx\r\nget a\r\nset a 18446744073709551615 0 1\r\nx\r\nget a\r\n" +
    "set a 18446744073709551616 0 1\r\nset a -1 0 1\r\nset a -18446744073709551615 0 1\r\nx\r\n" +
    "get a\r\nset a 0 4294967296 1\r\nx\r\nget a\r\nset a 0 2147483648 1\r\nx\r\nget a\r\n" +
    "set a 0 9223372036854775808 1\r\nset a 0 0 4294967297\r\nx\r\nget a\r\n" +
    "ms a 4294967297 F4294967303 T4294967296\r\nx\r\nmg a f t v\r\nms a 1 T9223372036854775808\r\n" +
    "x\r\ntouch a 4294967296\r\ntouch a 4294967295\r\nget a\r\n",
  "numbers with what C takes for a part of them":
    "set a +5 +0 +1\r\nx\r\nget a\r\nset a \t7\tx 0 1\r\nx\r\nget a\r\nset a 7x 0 1\r\n" +
    "set n 0 0 1\r\n5\r\nincr n +1\r\nincr n \t2\r\nincr n 3\tx\r\nincr n -1\r\nincr n +\r\n" +
    "incr n -18446744073709551615\r\nincr n 00000000000000000000000000000001\r\n" +
    "decr n -9223372036854775808\r\ndecr n -9223372036854775809\r\nincr n --1\r\nincr n + 1\r\n",
  "values that C takes for numbers":
    "set n 0 0 24\r\n000000000000000000000012\r\nincr n 1\r\nget n\r\n" +
    `set n 0 0 300\r\n12 ${"z".repeat(297)}\r\nincr n 1\r\nget n\r\n` +
    "set n 0 0 3\r\n\t+7\r\nincr n 1\r\nset n 0 0 21\r\n-18446744073709551615\r\nincr n 1\r\n" +
    "set n 0 0 2\r\n-1\r\nincr n 1\r\nset n 0 0 1\r\n+\r\nincr n 1\r\nget n\r\n",
  "flush_all in a second": "set a 0 0 1\r\nx\r\nflush_all 1\r\nget a\r\n",
  "flags run in the order given":
    "mg a t N30\r\nms b 1\r\nx\r\nmg b t T30\r\nmg b T1000 R500 T100 t\r\nms c 1 T1000\r\nx\r\n" +
    "mg c R500 T100 t\r\nmg c T100 R500 t\r\nmg d s N0 t\r\nmg e N30 R100 t\r\nmg e R100 t\r\n" +
    "ma n t N30 v\r\nma n t T40\r\nma n T50 t\r\nma m N30 t T0\r\nmg m t\r\n",
  "a long opaque ends what the flags do": [
    "mg a N30 Ox t",
    "mg b Ox N30 t",
    "mg c q Ox",
    "mg c Ox q",
    "ma n N0 J5 Ox",
    "ma n Ox v",
    "ma none q Ox",
    "md n Ox",
    "md n Ox q",
    "mg n T30 Ox t",
    "mg n t Ox T100",
  ].join("\r\n").replaceAll("Ox", `O${"x".repeat(32)}`) +
    "\r\nmg a t\r\nmg b t\r\nmg n t v h\r\nmg n h\r\n",
  "errors of ms in their order": "ms a 1 Cx Fx\r\nx\r\nms a 1 Fx Cx\r\nx\r\nms a 1 Cx Tx\r\nx\r\n" +
    "ms a 1 Cx Mxx\r\nx\r\nms a 1 Tx !\r\nx\r\nms a 1 Tx T0\r\nx\r\n" +
    `ms a 1 MX O${"x".repeat(32)}\r\nx\r\nms a 1 O${"x".repeat(32)}\r\nx\r\nmg a v\r\n` +
    "ms Zm9vYg 1 b Cx\r\nx\r\nms Zm9vYg 1 Cx b\r\nx\r\nmg Zm9vYg b Cx\r\n",
  "ma that makes is not quiet": "ma n N0 q v\r\nma n q v\r\nma m q\r\nma m N0 q J7 k O1\r\n",
  "versions that no item has":
    "ms a 1 I C18446744073709551615\r\nx\r\nms a 1\r\nx\r\nms a 1 I C18446744073709551615\r\ny\r\n" +
    "ms a 1 I C0\r\ny\r\nms a 1 C0\r\ny\r\nms b 1 C0\r\ny\r\nms a 1 MR C0\r\ny\r\nmg a v\r\n" +
    "ms a 1 MA C0\r\ny\r\nms a 1 MP C0\r\nz\r\nms a 1 MA C18446744073709551615\r\ny\r\nmg a v\r\n" +
    "ms a 1 ME C0\r\ny\r\nms c 1 ME C5\r\ny\r\nma a C0\r\nmd a C0\r\ncas a 0 0 1 0\r\ny\r\nmg a v\r\n",
  "what counts as fetched":
    "set a 0 0 1\r\n5\r\nincr a 1\r\nma a\r\nadd a 0 0 1\r\nx\r\nms a 1 ME\r\nx\r\nmg a h u\r\n" +
    "touch a 0\r\nmg a h u\r\nincr a 1\r\nincr a 9\r\nmg a h u\r\nset b 0 0 1\r\nx\r\nmg b t\r\nmg b h\r\n",
  "base64 as memcached reads it":
    "ms Zm9vYg 1 b\r\nx\r\nmg Zm9vYg b\r\nme Zm9vYg b\r\nmd Zm9vYg b\r\nma Zm9vYg b\r\n" +
    "ms Zm!9v- 1 b\r\nx\r\nmg foo k\r\nmg Zm8=Zm9v b k\r\nmg ==== b\r\nmg A=== b\r\nmg =AAA b k\r\n",
  "a version wanted of an empty value": "ms a 0\r\n\r\nma a C1\r\nma a C99999\r\n",
  "a number that others read":
    "set n 0 0 3\r\n100\r\nget n\r\nget n none\r\nmg n v\r\nmn\r\ndecr n 1\r\nmn\r\nmg n s\r\n",
  "append beyond the limit": `set a 5 0 1048000\r\n${"x".repeat(1_048_000)}\r\n` +
    `append a 0 0 506\r\n${"y".repeat(506)}\r\nappend a 0 0 505\r\n${"y".repeat(505)}\r\n` +
    `ms a 20 MA\r\n${"y".repeat(20)}\r\nprepend a 0 0 20\r\n${"y".repeat(20)}\r\n`,
  "values at the limit": ["1048516", "1048515", "1048512", "1048511"].map((length) =>
    `set a 0 0 ${length}\r\n${"x".repeat(Number(length))}\r\n` +
    `set a 1 0 ${length}\r\n${"x".repeat(Number(length))}\r\n`
  ).join(""),
  "an ms that is too large": ["", "ME", "MR", "MA", "C5"].map((mode) =>
    `ms a 1\r\nx\r\nms a 1100000 ${mode}\r\n${"y".repeat(1_100_000)}\r\nmg a v\r\n`
  ).join(""),
  "the old name of get": "set a 0 0 1\r\nx\r\nbget a b\r\nbget\r\n",
};

/** Scripts that depend on the versions that items get: they must be the first, and in this order. */
export const VERSION_SCRIPTS: Readonly<Record<string, string>> = {
  "versions count from 1":
    "set a 0 0 1\r\nx\r\ngets a\r\nset b 0 0 1\r\nx\r\ngets b\r\nincr b 1\r\n" +
    "set n 0 0 1\r\n1\r\nincr n 1\r\ngets n\r\ntouch n 0\r\ngets n\r\nappend n 0 0 1\r\n0\r\ngets n\r\n",
  "cas with the version":
    "set a 0 0 1\r\nx\r\ncas a 5 0 1 8\r\ny\r\ngets a\r\ncas a 0 0 1 8\r\nz\r\n" +
    "replace a 0 0 1\r\nq\r\ngets a\r\n",
  "versions in meta commands":
    "ms a 1 c\r\nx\r\nmg a c\r\nms a 1 C12 c\r\ny\r\nma n N0 c\r\nma n c\r\n" +
    "ma n C3\r\nma n C15 c\r\nmd a I\r\nmg a c\r\nms a 1 I C1 c\r\nz\r\nmg a c v\r\nmd a C7\r\n",
};
