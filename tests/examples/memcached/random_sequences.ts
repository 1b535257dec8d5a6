/**
 * Sends random sequences of commands to the server and to a real memcached, and compares what both
 * answer. A sequence runs over two connections, in batches: the commands of a batch are sent together,
 * in pieces that end anywhere, and before the next batch everything has been answered.
 *
 * What can't be the same is made so: versions by the order in which they were first seen; times that
 * are left, to hundreds of seconds; how long ago an item was used, and its size class, not at all.
 *
 * @module
 */

import * as fc from "fast-check";
import { checkAsyncProperty } from "../../harness/seeded_random.ts";
import { type BinaryRequest, binaryRequest, Client } from "./client.ts";
import { type BinaryCommand, binaryCommand } from "./random_binary.ts";
import { BASE64_KEYS, metaCommand, type RandomCommand, textCommand } from "./random_text.ts";

/** What can be compared. */
export const PROTOCOLS = ["text", "meta", "binary"] as const;
/** A protocol. */
export type Protocol = (typeof PROTOCOLS)[number];

/** The ports of two servers. */
export interface Ports {
  readonly ours: number;
  readonly memcached: number;
}

/** How long a batch may take, which it does only if a server waits for what does not come. */
const DEADLINE_MS = 20_000;
/** More than any command waits for: see `RandomCommand.mayWait`. */
const PADDING = "mn\r\n".repeat(50);
/** A version that is not seen again. */
const UNSEEN = "987654321";

/** Compares so many random sequences; throws the shortest that is answered differently. */
export async function compareSequences(
  protocol: Protocol,
  ports: Ports,
  sequences: number,
): Promise<void> {
  if (protocol === "binary") {
    const steps = sequence(binaryCommand);
    const property = fc.asyncProperty(steps, (steps) => compare(ports, new BinaryTalk(steps)));
    return await checkAsyncProperty(property, sequences);
  }
  const steps = sequence(protocol === "text" ? textCommand : metaCommand);
  const property = fc.asyncProperty(steps, (steps) => compare(ports, new TextTalk(steps)));
  await checkAsyncProperty(property, sequences);
}

/** A command, and how it is sent. */
interface Step<Command> {
  readonly command: Command;
  /** Over which of two connections, and whether all before it must have been answered. */
  readonly connection: number;
  readonly waits: boolean;
  /** Where a batch that begins with it is cut into pieces, as shares of its length. */
  readonly cuts: readonly number[];
}

function sequence<Command>(command: fc.Arbitrary<Command>): fc.Arbitrary<Step<Command>[]> {
  const step = fc.record({
    command,
    connection: fc.constantFrom(0, 0, 0, 1),
    waits: fc.constantFrom(false, false, false, true),
    cuts: fc.oneof(
      { weight: 4, arbitrary: fc.constant([]) },
      {
        weight: 1,
        arbitrary: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 3 }),
      },
    ),
  });
  return fc.array(step, { minLength: 1, maxLength: 30, size: "max" });
}

/** The steps in batches. A command that closes the connection is alone in its batch. */
function batchesOf<Command>(
  steps: readonly Step<Command>[],
  closes: (command: Command) => boolean,
  mustWait: (batch: readonly Command[], next: Command) => boolean,
): Step<Command>[][] {
  const batches: Step<Command>[][] = [];
  for (const step of steps) {
    const batch = batches.at(-1);
    const isNew = batch === undefined || step.waits || batch[0]!.connection !== step.connection ||
      closes(step.command) || closes(batch.at(-1)!.command) ||
      mustWait(batch.map(({ command }) => command), step.command);
    if (isNew) batches.push([step]);
    else batch.push(step);
  }
  return batches;
}

/** What is said to one server, and what is made of its answers. */
interface Talk {
  readonly batchCount: number;
  /** A state for one of the servers. */
  begin(): TalkState;
}

interface TalkState {
  /** Runs a batch; what was answered, made comparable, and whether the connection is closed. */
  run(clients: readonly Client[], batch: number): Promise<{ answer: string; closed: boolean }>;
  /** Empties the server. */
  reset(clients: readonly Client[]): Promise<void>;
}

async function compare({ ours, memcached }: Ports, talk: Talk): Promise<void> {
  using connections = new DisposableStack();
  const connect = async (port: number): Promise<Client[]> => [
    connections.use(await Client.connect(port)),
    connections.use(await Client.connect(port)),
  ];
  const [ourClients, theirClients] = await Promise.all([connect(ours), connect(memcached)]);
  const [ourTalk, theirTalk] = [talk.begin(), talk.begin()];
  await Promise.all([ourTalk.reset(ourClients), theirTalk.reset(theirClients)]);
  for (let batch = 0; batch < talk.batchCount; batch++) {
    const [actual, expected] = await Promise.all([
      within(ourTalk.run(ourClients, batch), "The server"),
      within(theirTalk.run(theirClients, batch), "memcached"),
    ]);
    if (actual.answer !== expected.answer || actual.closed !== expected.closed) {
      throw new Error(
        `Batch ${batch} is answered differently:\n  memcached ${shown(expected)}\n  ours      ${
          shown(actual)
        }`,
      );
    }
    if (actual.closed) return;
  }
}

function shown({ answer, closed }: { answer: string; closed: boolean }): string {
  return JSON.stringify(answer.slice(0, 3000)) + (closed ? " and closes" : "");
}

async function within<T>(result: Promise<T>, who: string): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${who} does not answer`)), DEADLINE_MS);
  });
  try {
    return await Promise.race([result, late]);
  } finally {
    clearTimeout(timer);
  }
}

async function sendInPieces(client: Client, text: string, cuts: readonly number[]): Promise<void> {
  const places = [...cuts].sort((a, b) => a - b).map((cut) => Math.floor(cut * text.length));
  let from = 0;
  try {
    for (const to of [...places, text.length]) {
      await client.send(text.slice(from, to));
      from = to;
    }
  } catch (error) { // a server that closes does not take all of it
    if (
      !(error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset)
    ) {
      throw error;
    }
  }
}

/** Numbers the versions of one server in the order in which they are seen. */
class Versions {
  readonly #numbers = new Map<string, number>();

  normal(version: string): string {
    if (version === "0") return "0";
    const number = this.#numbers.get(version) ?? this.#numbers.size + 1;
    this.#numbers.set(version, number);
    return `#${number}`;
  }
}

// ─── Text ──────────────────────────────────────────────────────────────────────────────────────

class TextTalk implements Talk {
  readonly #batches: Step<RandomCommand>[][];

  constructor(steps: readonly Step<RandomCommand>[]) {
    // Memcached pads a number that gets shorter unless an answer that is being sent holds its item.
    const mustWait = (batch: readonly RandomCommand[], { counts, first }: RandomCommand): boolean =>
      first || batch.some(({ reads }) => reads.some((key) => counts.includes(key)));
    this.#batches = batchesOf(steps, ({ closes }) => closes, mustWait);
  }

  get batchCount(): number {
    return this.#batches.length;
  }

  begin(): TalkState {
    const versions = new Versions();
    const seen = new Map<string, string>();
    return {
      run: async (clients, batch) => {
        const steps = this.#batches[batch]!;
        const { connection, cuts } = steps[0]!;
        const client = clients[connection]!;
        const closes = steps.some(({ command }) => command.closes);
        const padding = steps.some(({ command }) => command.mayWait) ? PADDING : "";
        const text = steps.map(({ command }) => withVersions(command.text, seen)).join("");
        const end = closes ? "" : `${padding}mg nothing Oend-${batch}\r\n`;
        const mark = `EN Oend-${batch}\r\n`;
        const received = closes ? client.rest() : client.until(mark);
        const [sent] = await Promise.all([
          received,
          sendInPieces(client, text + end, cuts),
        ]);
        const answer = withoutBase64(sent);
        remember(answer, seen);
        return { answer: normalText(answer, versions), closed: !answer.endsWith(mark) };
      },
      reset: async ([first, second]) => {
        await first!.ask("flush_all\r\n");
        await second!.ask("mn\r\n"); // the first byte says which protocol it is
      },
    };
  }
}

/** Puts versions where a command wants those that were seen. */
function withVersions(text: string, seen: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\{cas:([^+]+)\+(-?\d+)\}/g, (_, key, more) => {
    const version = seen.get(key);
    return version === undefined ? UNSEEN : `${Math.max(0, Number(version) + Number(more))}`;
  });
}

/** Takes note of the versions in an answer. */
function remember(answer: string, seen: Map<string, string>): void {
  for (const [, key, version] of answer.matchAll(/^VALUE (\S+) \d+ \d+ (\d+)\r$/gm)) {
    seen.set(key!, version!);
  }
  for (const [line] of answer.matchAll(/^(?:HD|VA \d+) .*\r$/gm)) {
    const [, version] = / c([1-9]\d*)/.exec(line) ?? [];
    const [, key] = / k(\S+)/.exec(line) ?? [];
    if (key !== undefined && version !== undefined) seen.set(key, version);
  }
}

function normalText(answer: string, versions: Versions): string {
  return answer
    .replaceAll(
      /^(VALUE \S+ \d+ \d+) (\d+)(?=\r$)/gm,
      (_, start, version) => `${start} ${versions.normal(version)}`,
    )
    .replaceAll(
      /^(?:HD|VA \d+|NS|EX|NF)(?: .*)?(?=\r$)/gm,
      (line) =>
        line.replace(/ c(\d+)(?= |$)/, (_, version) => ` c${versions.normal(version)}`)
          .replace(/ t(\d+)(?= |$)/, (_, left) => ` t${roundly(Number(left))}`)
          .replace(/ l\d+(?= |$)/, " l?"),
    )
    .replaceAll(
      /^(ME .*) exp=(-?\d+) la=\d+ cas=(\d+) (fetch=\w+) cls=\d+/gm,
      (_, start, expiry, version, fetch) =>
        `${start} ${expiry === "-1" ? "never" : "some time"} ${versions.normal(version)} ${fetch}`,
    );
}

/**
 * Keys in base64 as what they stand for: with memcached they come back so when the item was appended
 * to, has grown as a number, or was made by N; see examples/memcached/README.md.
 */
function withoutBase64(answer: string): string {
  let text = answer;
  for (const [base64, key] of BASE64_KEYS) {
    text = text.replaceAll(` k${base64} b`, ` k${key}`).replaceAll(`ME ${base64} `, `ME ${key} `);
  }
  return text;
}

/** A time that is left, to hundreds of seconds. */
function roundly(seconds: number): string {
  return seconds >= 2 ** 31 ? "past" : `${Math.round(seconds / 100)}`;
}

// ─── Binary ────────────────────────────────────────────────────────────────────────────────────

const HEADER_BYTES = 24;

class BinaryTalk implements Talk {
  readonly #batches: Step<BinaryCommand>[][];

  constructor(steps: readonly Step<BinaryCommand>[]) {
    const mustWait = (batch: readonly BinaryCommand[], next: BinaryCommand): boolean =>
      isCount(next) &&
      batch.some((before) => !isCount(before) && before.request.key === next.request.key);
    this.#batches = batchesOf(steps, ({ closes }) => closes, mustWait);
  }

  get batchCount(): number {
    return this.#batches.length;
  }

  begin(): TalkState {
    const versions = new Versions();
    const seen = new Map<string, number>();
    return {
      run: async (clients, batch) => {
        const steps = this.#batches[batch]!;
        const { connection, cuts } = steps[0]!;
        const client = clients[connection]!;
        const requests = steps.map(({ command: { request, version } }, opaque): BinaryRequest => {
          const known = seen.get(request.key ?? "");
          if (version === undefined) return { ...request, opaque };
          return { ...request, opaque, cas: Math.max(0, (known ?? Number(UNSEEN)) + version) };
        });
        const closes = steps.some(({ command }) => command.closes);
        const end: BinaryRequest = { opcode: 0x0a, opaque: 0x7fffffff };
        const text = [...requests, ...(closes ? [] : [end])].map(binaryRequest).join("");
        const [answer] = await Promise.all([
          closes ? client.rest() : readResponses(client, end.opaque!),
          sendInPieces(client, text, cuts),
        ]);
        const responses = responsesOf(answer);
        for (const { opaque, cas } of responses) {
          const key = requests[opaque]?.key;
          if (key !== undefined && cas !== 0) seen.set(key, cas);
        }
        const lines = responses.map(({ start, cas, body }) =>
          `${start} ${versions.normal(`${cas}`)} ${body}`
        );
        const closed = responses.at(-1)?.opaque !== end.opaque;
        return { answer: lines.join("\n"), closed };
      },
      reset: async ([first, second]) => {
        await first!.send(binaryRequest({ opcode: 0x08 }));
        await first!.exactly(HEADER_BYTES);
        await second!.send(binaryRequest({ opcode: 0x0a }));
        await second!.exactly(HEADER_BYTES);
      },
    };
  }
}

function isCount({ request: { opcode } }: BinaryCommand): boolean {
  return [0x05, 0x06, 0x15, 0x16].includes(opcode);
}

interface BinaryResponse {
  /** The header up to the version. */
  readonly start: string;
  readonly opaque: number;
  readonly cas: number;
  readonly body: string;
}

/** All responses up to that with the opaque, or to the end. */
async function readResponses(client: Client, lastOpaque: number): Promise<string> {
  let all = "";
  for (;;) {
    const header = await client.exactly(HEADER_BYTES);
    all += header;
    if (header.length < HEADER_BYTES) return all;
    all += await client.exactly(unsigned(header, 8, 4));
    if (unsigned(header, 12, 4) === lastOpaque) return all;
  }
}

function responsesOf(answer: string): BinaryResponse[] {
  const responses: BinaryResponse[] = [];
  for (let at = 0; at < answer.length;) {
    const header = answer.slice(at, at + HEADER_BYTES);
    const end = at + HEADER_BYTES + unsigned(header, 8, 4);
    responses.push({
      start: header.slice(0, 16),
      opaque: unsigned(header, 12, 4),
      cas: unsigned(header, 16, 8),
      body: answer.slice(at + HEADER_BYTES, end),
    });
    at = end;
  }
  return responses;
}

function unsigned(text: string, at: number, byteLength: number): number {
  return [...text.slice(at, at + byteLength)]
    .reduce((number, byte) => number * 256 + byte.charCodeAt(0), 0);
}
