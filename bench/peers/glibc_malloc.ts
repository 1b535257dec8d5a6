/**
 * Native malloc, the yardstick: `glibc_replay.c` and `glibc_handover.c` compiled on the spot and run
 * as processes of their own, which time themselves. The former replays on TLSF in C as well.
 *
 * @module
 */
import { OPERATION_WORDS, type Program } from "../replay/program.ts";

/** The compiled replayer and the programs it reads, in a temporary folder until disposed. */
export class GlibcReplayer {
  readonly #folder: string;
  readonly #files = new Map<Program, string>();

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /**
   * Compiles the replayer with `cc -O2`; throws when there is no compiler or it refuses.
   *
   * @param definitions `-DTLSF` puts the TLSF of `native_tlsf.h` in the place of glibc's malloc
   */
  static async compile(...definitions: string[]): Promise<GlibcReplayer> {
    if (Deno.build.os !== "linux" || Deno.build.env !== "gnu") {
      throw new Error("the C library of this system is not glibc");
    }
    const replayer = new GlibcReplayer(await Deno.makeTempDir({ prefix: "glibc_replay_" }));
    try {
      for (const name of ["glibc_replay", "glibc_handover"]) {
        const source = new URL(`./${name}.c`, import.meta.url).pathname;
        const output = `${replayer.#folder}/${name}`;
        await run("cc", ["-O2", "-pthread", ...definitions, "-o", output, source]);
      }
      return replayer;
    } catch (error) {
      await replayer[Symbol.asyncDispose]();
      if (error instanceof Deno.errors.NotFound) {
        throw new Error("there is no C compiler: `cc` was not found", { cause: error });
      }
      throw error;
    }
  }

  get #executable(): string {
    return `${this.#folder}/glibc_replay`;
  }

  /** Replays a program in a new process. @returns nanoseconds per timed operation */
  async time(program: Program, minimumMs: number): Promise<number> {
    const file = await this.#write(program);
    return Number(await run(this.#executable, ["time", file, String(minimumMs)]));
  }

  /** Replays a program once on a fresh heap. @returns nanoseconds per timed operation */
  async timeFresh(program: Program): Promise<number> {
    return Number(await run(this.#executable, ["fresh", await this.#write(program)]));
  }

  /** @returns the most bytes that malloc held from the system while it replayed the program */
  async peakFootprint(program: Program): Promise<number> {
    return Number(await run(this.#executable, ["space", await this.#write(program)]));
  }

  /** One thread mallocs batches, another frees them. @returns nanoseconds per block */
  async handOver(batches: number): Promise<number> {
    return Number(await run(`${this.#folder}/glibc_handover`, [String(batches)]));
  }

  async #write(program: Program): Promise<string> {
    const known = this.#files.get(program);
    if (known !== undefined) return known;
    const file = `${this.#folder}/${this.#files.size}.program`;
    const operations = program.words.length / OPERATION_WORDS;
    const words = new Int32Array(4 + program.words.length);
    words.set([operations, program.blocks, program.timedFrom, program.timedTo]);
    words.set(program.words, 4);
    await Deno.writeFile(file, new Uint8Array(words.buffer));
    this.#files.set(program, file);
    return file;
  }

  /** Deletes the temporary folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

async function run(command: string, parameters: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(command, { args: parameters }).output();
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`${command} ended with code ${code}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}
