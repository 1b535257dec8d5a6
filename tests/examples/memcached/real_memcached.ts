/**
 * The programs of Debian that the server is compared with and checked by.
 *
 * @module
 */

/** Why a program cannot be run, for the name of a test that is skipped; undefined if it can. */
export function whyMissing(program: string, debianPackage: string): string | undefined {
  try {
    new Deno.Command(program, { args: ["-h"], stdout: "null", stderr: "null" }).outputSync();
    return undefined;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return `skipped: ${program} is not installed, see apt-get install ${debianPackage}`;
  }
}

/** A real memcached on a port of its own. */
export class RealMemcached implements AsyncDisposable {
  readonly port: number;
  readonly #process: Deno.ChildProcess;

  private constructor(port: number, process: Deno.ChildProcess) {
    this.port = port;
    this.#process = process;
  }

  /** Starts one, and waits until it takes connections. */
  static async start(threads = 1): Promise<RealMemcached> {
    const port = freePort();
    const process = new Deno.Command("memcached", {
      args: ["-u", "nobody", "-l", "127.0.0.1", "-p", `${port}`, "-t", `${threads}`, "-m", "64"],
      stdout: "null",
      stderr: "null",
    }).spawn();
    for (let tries = 0;; tries++) {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port })).close();
        return new RealMemcached(port, process);
      } catch (error) {
        if (!(error instanceof Deno.errors.ConnectionRefused) || tries > 10_000) throw error;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.status;
  }
}

/** A port that nobody listens on at the moment. */
export function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
