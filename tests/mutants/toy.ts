/**
 * A project of two files in a folder of its own, and `deno task mutants` on it.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Report } from "../../mutants/report.ts";

/** The parser is in a lock file of its own, so that only who makes mutants downloads it. */
const LOCK = fileURLToPath(new URL("../../mutants/deno.lock", import.meta.url));
const MAIN = fileURLToPath(new URL("../../mutants/main.ts", import.meta.url));

/** What the program has printed, and how it has ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The program, not started yet. */
export function mutantsCommand(args: readonly string[], temporary?: string): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", `--lock=${LOCK}`, "--no-check", "--quiet", "--allow-all", MAIN, ...args],
    env: { NO_COLOR: "1", ...(temporary === undefined ? {} : { TMPDIR: temporary }) },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Runs the program on this project. */
export async function mutants(...args: string[]): Promise<Ended> {
  return textsOf(await mutantsCommand(args).output());
}

/** The texts of a program that has ended. */
export function textsOf({ code, stdout, stderr }: Deno.CommandOutput): Ended {
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

/** A project of a source, `toy.ts`, and its test, `toy_test.ts`. */
export class Toy implements AsyncDisposable {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes one. */
  static async of(source: string, test = ""): Promise<Toy> {
    const toy = new Toy(await Deno.makeTempDir());
    await Deno.mkdir(toy.temporary);
    await Deno.mkdir(`${toy.root}/mutants`, { recursive: true });
    await toy.write("toy.ts", source);
    await toy.write("toy_test.ts", test);
    return toy;
  }

  /** The project's folder. */
  get root(): string {
    return `${this.#folder}/toy`;
  }

  /** Where the program makes its copies. */
  get temporary(): string {
    return `${this.#folder}/temporary`;
  }

  async write(file: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.root}/${file}`, text);
  }

  async read(file: string): Promise<string> {
    return await Deno.readTextFile(`${this.root}/${file}`);
  }

  /** The program on `toy.ts`. */
  command(...args: string[]): Deno.Command {
    const all = ["toy.ts", "--root", this.root, "--test", "toy_test.ts", ...args];
    return mutantsCommand(all, this.temporary);
  }

  /** Runs it. */
  async run(...args: string[]): Promise<Ended> {
    return textsOf(await this.command(...args).output());
  }

  /** What it says with --json. */
  async report(...args: string[]): Promise<Report> {
    const { stdout, stderr } = await this.run("--json", ...args);
    if (stdout === "") throw new Error(stderr);
    return JSON.parse(stdout);
  }

  /** The changes that it would try. */
  async list(...args: string[]): Promise<string[]> {
    return (await this.report("--list", ...args)).files[0]!.mutants.map(({ mutant }) => mutant);
  }

  /** The names of what it has left behind. */
  leftovers(): string[] {
    return [...Deno.readDirSync(this.temporary)].map(({ name }) => name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}
