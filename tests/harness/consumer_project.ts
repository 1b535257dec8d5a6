/**
 * A stranger's project in a folder of its own, with a cache of its own, that knows one registry.
 *
 * Deno is found by its own path and gets no environment but what is given here, so that neither PATH
 * nor a cache, a configuration or a registry of the machine can help.
 *
 * @module
 */
import type { Registry } from "./registry.ts";

const ROOT = new URL("../../", import.meta.url);

/** What this repository's deno.json says of the package. */
export const LIBRARY: {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
} = JSON.parse(await Deno.readTextFile(new URL("deno.json", ROOT)));

/** What imports the package from a registry, where no `deno.json` says so. */
export const LIBRARY_SPECIFIER = `jsr:${LIBRARY.name}@${LIBRARY.version}`;

/** What a program of the project left behind. */
export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What was asked of the registry meanwhile. */
  readonly requests: readonly string[];
}

/** A project that lives as long as it is held: `await using`. */
export class ConsumerProject implements AsyncDisposable {
  readonly #registry: Registry;
  /** Has two folders in it: the project, and the cache. */
  readonly #folder: string;

  private constructor(registry: Registry, folder: string) {
    this.#registry = registry;
    this.#folder = folder;
  }

  get #project(): string {
    return `${this.#folder}/project`;
  }

  get #cache(): string {
    return `${this.#folder}/cache`;
  }

  /** Makes the folder, with files by their names, and a `deno.json` that imports the package. */
  static async create(
    registry: Registry,
    files: Readonly<Record<string, string>>,
    config: object = {},
  ): Promise<ConsumerProject> {
    const consumer = new ConsumerProject(registry, await Deno.makeTempDir({ prefix: "consumer" }));
    await Deno.mkdir(consumer.#project);
    const imports = { [LIBRARY.name]: LIBRARY_SPECIFIER };
    await consumer.write("deno.json", JSON.stringify({ imports, ...config }));
    for (const [name, text] of Object.entries(files)) await consumer.write(name, text);
    return consumer;
  }

  /** Writes a file of the project. */
  async write(name: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.#project}/${name}`, text);
  }

  /** Names of what is in the project's folder. */
  list(): string[] {
    return Array.from(Deno.readDirSync(this.#project), ({ name }) => name).sort();
  }

  /** Takes the cache away. */
  async emptyCache(): Promise<void> {
    await Deno.remove(this.#cache, { recursive: true });
  }

  /** Runs Deno in the project. */
  async deno(...args: string[]): Promise<Outcome> {
    return await runDeno(this.#registry, this.#project, this.#cache, args);
  }

  /** Removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.#folder, { recursive: true });
  }
}

/** What `deno publish` does with this repository as it is, against the registry. */
export async function publishLibrary(
  registry: Registry,
  token: string = registry.token,
): Promise<Outcome> {
  const cache = await Deno.makeTempDir({ prefix: "publisher" });
  try {
    const args = ["publish", "--allow-dirty", "--no-check", "--token", token];
    return await runDeno(registry, ROOT, cache, args);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
}

async function runDeno(
  registry: Registry,
  folder: string | URL,
  cache: string,
  args: string[],
): Promise<Outcome> {
  const before = registry.requests.length;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args,
    cwd: folder,
    clearEnv: true,
    env: { JSR_URL: registry.url, DENO_DIR: cache, NO_COLOR: "1" },
    signal: AbortSignal.timeout(120_000), // only to fail instead of hanging
  }).output();
  const decoder = new TextDecoder();
  return {
    code,
    stdout: decoder.decode(stdout),
    stderr: decoder.decode(stderr),
    requests: registry.requests.slice(before),
  };
}
