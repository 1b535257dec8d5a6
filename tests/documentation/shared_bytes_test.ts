/**
 * docs/structs.md has a table of what calls of Deno and Node do with bytes of a slice, and here each is
 * tried: the page cannot lie. "Copies" is seen by the memory of buffers, which grows by the bytes
 * during the call; what is taken is read or written where it lies.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { createHash } from "node:crypto";
import { gunzipSync, gzipSync } from "node:zlib";

const BYTES = 1 << 22;
const TEXT = "The tide is high.".repeat(Math.ceil(BYTES / 17)).slice(0, BYTES);

/** Bytes of a slice, as a segment has them: in a buffer that could grow, at an explicit length. */
function sliceWith(text: string): Uint8Array<SharedArrayBuffer> {
  const segment = new SharedArrayBuffer(65536 + BYTES, { maxByteLength: 65536 + BYTES });
  const bytes = new Uint8Array(segment, 65536, text.length);
  new TextEncoder().encodeInto(text, bytes);
  return bytes;
}

/** What the types of Deno do not accept, and a program without a check of types passes all the same. */
type Unchecked = Uint8Array<ArrayBuffer>;

/** Runs with a connection over the loopback device; the other end sends back what it gets. */
async function withEcho(body: (connection: Deno.Conn) => Promise<void>): Promise<void> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const echo = listener.accept().then((connection) =>
    connection.readable.pipeTo(connection.writable)
  );
  {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
    await body(connection);
  }
  await echo.catch(() => {}); // the other end is gone
}

async function withFile(body: (file: Deno.FsFile) => void | Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    using file = await Deno.open(path, { read: true, write: true });
    await body(file);
  } finally {
    await Deno.remove(path);
  }
}

/** By how much the memory of buffers grew while the call that is tried ran. */
let grownBytes: number | undefined;

function watch<Result>(call: () => Result): Result {
  const before = Deno.memoryUsage().external;
  const result = call();
  grownBytes = Deno.memoryUsage().external - before;
  return result;
}

/** By what the first column shows as code: tries it, and fails if the bytes did not go through. */
const TRIALS: Readonly<Record<string, (bytes: Unchecked) => void | Promise<void>>> = {
  "file.writeSync(bytes)": (bytes) =>
    withFile((file) => {
      assertEquals(watch(() => file.writeSync(bytes)), bytes.length);
      file.seekSync(0, Deno.SeekMode.Start);
      const back = new Uint8Array(bytes.length);
      for (let at = 0; at < back.length;) at += file.readSync(back.subarray(at))!;
      assertEquals(back[back.length - 1], bytes[bytes.length - 1]);
    }),
  "file.readSync(bytes)": (bytes) =>
    withFile((file) => {
      file.writeSync(new TextEncoder().encode("low"));
      file.seekSync(0, Deno.SeekMode.Start);
      assertEquals(watch(() => file.readSync(bytes)), 3);
      assertEquals(bytes[0], "l".charCodeAt(0));
    }),
  "connection.write(bytes)": (bytes) =>
    withEcho(async (connection) => {
      const written = await watch(() => connection.write(bytes));
      const back = new Uint8Array(written);
      for (let at = 0; at < written;) at += (await connection.read(back.subarray(at)))!;
      assert(new TextDecoder().decode(back) === TEXT.slice(0, written));
    }),
  "connection.read(bytes)": (bytes) =>
    withEcho(async (connection) => {
      await connection.write(new TextEncoder().encode("low"));
      assert((await watch(() => connection.read(bytes)))! > 0);
      assertEquals(bytes[0], "l".charCodeAt(0));
    }),
  "new TextDecoder().decode(bytes)": (bytes) => {
    assert(watch(() => new TextDecoder().decode(bytes)) === TEXT);
  },
  "new TextEncoder().encodeInto(text, bytes)": (bytes) => {
    assertEquals(watch(() => new TextEncoder().encodeInto("low", bytes)).written, 3);
    assertEquals(bytes[0], "l".charCodeAt(0));
  },
  "JSON.parse(bytes)": (bytes) => {
    new TextEncoder().encodeInto('{"tide":1}', bytes);
    assertEquals(JSON.parse(bytes.subarray(0, 10) as unknown as string), { tide: 1 });
  },
  "new Response(bytes)": async (bytes) => {
    assert(await new Response(bytes).text() === TEXT);
  },
  "new Blob([bytes])": async (bytes) => {
    assert(await new Blob([bytes]).text() === TEXT);
  },
  "webSocket.send(bytes)": async (bytes) => {
    const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, (request) => {
      const { socket, response } = Deno.upgradeWebSocket(request);
      socket.onmessage = ({ data }) => socket.send(String(data.byteLength ?? data.size));
      return response;
    });
    const webSocket = new WebSocket(`ws://127.0.0.1:${server.addr.port}`);
    await new Promise((resolve) => webSocket.onopen = resolve);
    const answer = new Promise((resolve) => webSocket.onmessage = ({ data }) => resolve(data));
    const closed = new Promise((resolve) => webSocket.onclose = resolve);
    try {
      webSocket.send(bytes.subarray(0, 100));
      assertEquals(await answer, "100");
    } finally {
      webSocket.close();
      await closed;
      await server.shutdown();
    }
  },
  "controller.enqueue(bytes)": async (bytes) => {
    const stream = new ReadableStream({
      start(controller) {
        watch(() => controller.enqueue(bytes));
        controller.close();
      },
    });
    assert(await new Response(stream).text() === TEXT);
  },
  'crypto.subtle.digest("SHA-256", bytes)': async (bytes) => {
    assertEquals((await crypto.subtle.digest("SHA-256", bytes)).byteLength, 32);
  },
  "crypto.getRandomValues(bytes)": (bytes) => {
    const few = bytes.subarray(0, 64);
    watch(() => crypto.getRandomValues(few));
    assert(new TextDecoder().decode(few) !== TEXT.slice(0, 64));
  },
  'createHash("sha256").update(bytes)': (bytes) => {
    assertEquals(
      watch(() => createHash("sha256").update(bytes)).digest("hex"),
      createHash("sha256").update(TEXT).digest("hex"),
    );
  },
  "gzipSync(bytes)": (bytes) => {
    assert(gunzipSync(watch(() => gzipSync(bytes))).toString() === TEXT);
  },
};

interface Row {
  readonly call: string;
  readonly does: string;
  readonly error: string | undefined;
}

async function readRows(): Promise<Row[]> {
  const page = await Deno.readTextFile(new URL("../../docs/structs.md", import.meta.url));
  const section = page.split("\n## ").find((each) => each.startsWith("Shared bytes"))!;
  const rows: Row[] = [];
  for (const [, calls, does] of section.matchAll(/^\| (.*?) +\| (.*?) +\|/gm)) {
    const verb = /^(takes|copies|refuses)/.exec(does!)?.[1];
    if (verb === undefined) continue; // the head of the table
    const error = /^refuses: `(\w+)`/.exec(does!)?.[1];
    for (const [, call] of calls!.matchAll(/`([^`]+)`/g)) {
      rows.push({ call: call!, does: verb, error });
    }
  }
  return rows;
}

const rows = await readRows();

Deno.test("the table of docs/structs.md has each call that is tried here, and no other", () => {
  assertEquals(rows.map(({ call }) => call).sort(), Object.keys(TRIALS).sort());
  assertEquals(new Set(rows.map(({ does }) => does)), new Set(["takes", "copies", "refuses"]));
});

for (const { call, does, error } of rows) {
  Deno.test(`${call} ${does} bytes of a slice`, async () => {
    const bytes = sliceWith(TEXT) as Uint8Array as Unchecked;
    const trial = TRIALS[call]!;
    if (does === "refuses") {
      const thrown = await assertRejects(async () => await trial(bytes), Error);
      assertEquals(thrown.name, error);
      // What goes through is a copy of one's own: it is the sharing that is refused.
      if (call !== "JSON.parse(bytes)") await trial(new Uint8Array(bytes));
      return;
    }
    grownBytes = undefined;
    await trial(bytes);
    assert(grownBytes !== undefined, "the call is watched");
    assertEquals(grownBytes >= BYTES, does === "copies", `${grownBytes} bytes of buffers`);
  });
}
