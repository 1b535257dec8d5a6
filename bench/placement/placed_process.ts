/**
 * The parent's end of a contestant of `compare placement`: a process of its own, as what is placed, huge
 * or locked is a matter of a whole process.
 *
 * @module
 */
import type { RuntimeOptions } from "@tidepool/core";
import { fileURLToPath } from "node:url";
import { linesOf } from "./lines.ts";
import type { CallTimes, FirstTouch, PlacedAnswer, PlacedCommand } from "./placed_main.ts";
import type { ReadKind } from "./placed_tasks.ts";
import type { ReplayLimits } from "../replay/replay.ts";

export type { CallTimes, FirstTouch } from "./placed_main.ts";

const MAIN = fileURLToPath(new URL("./placed_main.ts", import.meta.url));
const LOCK = fileURLToPath(new URL("../deno.lock", import.meta.url));

/** What this process may not, its children may not. */
const PERMISSIONS = ["--allow-all"];
if (Deno.permissions.querySync({ name: "ffi" }).state !== "granted") PERMISSIONS.push("--deny-ffi");

/** Where the shard of a process is to be; undefined for anywhere. */
export type Place = RuntimeOptions["placement"];

/** A process with one shard in its place. */
export class PlacedProcess {
  readonly #process: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #answers: AsyncGenerator<string>;

  private constructor(place: Place) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", `--lock=${LOCK}`, "--no-check", "--quiet", ...PERMISSIONS],
        ...[MAIN, JSON.stringify(place ?? null)],
      ],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    this.#input = this.#process.stdin.getWriter();
    this.#answers = linesOf(this.#process.stdout);
  }

  /** A process whose shard has a table of `byteLength` bytes. */
  static withTable(place: Place, byteLength: number): Promise<PlacedProcess> {
    return PlacedProcess.#opened(place, { command: "makeTable", byteLength });
  }

  /** A process whose shard has read the traces of a folder. */
  static withPrograms(
    place: Place,
    folder: string,
    wanted: readonly string[],
  ): Promise<PlacedProcess> {
    return PlacedProcess.#opened(place, { command: "readPrograms", folder, wanted });
  }

  static async #opened(place: Place, command: PlacedCommand): Promise<PlacedProcess> {
    const opened = new PlacedProcess(place);
    try {
      await opened.#ask(command);
      return opened;
    } catch (error) {
      await opened.close();
      throw error;
    }
  }

  /** Starts a process, and has its shard touch `byteLength` bytes that nobody has touched. */
  static async firstTouch(place: Place, byteLength: number): Promise<FirstTouch> {
    return await PlacedProcess.#once(place, { command: "firstTouch", byteLength }) as FirstTouch;
  }

  /** Starts a process, and has it call its shard one at a time for so long, then many at a time for half of it. */
  static async calls(place: Place, milliseconds: number): Promise<CallTimes> {
    return await PlacedProcess.#once(place, { command: "calls", milliseconds }) as CallTimes;
  }

  static async #once(place: Place, command: PlacedCommand): Promise<unknown> {
    const process = new PlacedProcess(place);
    try {
      return await process.#ask(command);
    } finally {
      await process.close();
    }
  }

  /** @returns nanoseconds per read */
  async read(kind: ReadKind, reads: number): Promise<number> {
    return await this.#ask({ command: "read", kind, reads }) as number;
  }

  /** @returns nanoseconds per operation */
  async replay(program: string, limits: ReplayLimits): Promise<number> {
    return await this.#ask({ command: "replay", program, limits }) as number;
  }

  /** Bytes that are resident now. */
  async residentBytes(): Promise<number> {
    return await this.#ask({ command: "residentBytes" }) as number;
  }

  async #ask(command: PlacedCommand): Promise<unknown> {
    await this.#input.write(new TextEncoder().encode(JSON.stringify(command) + "\n"));
    const { value, done } = await this.#answers.next();
    if (done) throw new Error("The process has ended instead of answering");
    const answer: PlacedAnswer = JSON.parse(value);
    if ("failure" in answer) throw new Error(answer.failure);
    return answer.result;
  }

  /** Ends it. */
  async close(): Promise<void> {
    await this.#input.close();
    await this.#process.status;
    await this.#answers.return(undefined);
  }
}
