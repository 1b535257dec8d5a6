/**
 * The programs of Debian that the server is compared with and checked by.
 *
 * @module
 */

/**
 * A test that needs a program of a Debian package. Where it is missing, the test fails under CI=true;
 * elsewhere it is skipped, and its name says why.
 */
export function testWith(
  program: string,
  debianPackage: string,
  name: string,
  fn: (t: Deno.TestContext) => Promise<void>,
): void {
  if (isInstalled(program)) return Deno.test(name, fn);
  const reason = `${program} is not installed: apt-get install ${debianPackage}`;
  if (Deno.env.get("CI") !== "true") {
    return Deno.test({ name: `${name} (SKIPPED: ${reason})`, ignore: true, fn });
  }
  Deno.test(name, () => {
    throw new Error(`Cannot run this test: ${reason}`);
  });
}

function isInstalled(program: string): boolean {
  try {
    new Deno.Command(program, { args: ["-h"], stdout: "null", stderr: "null" }).outputSync();
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    return false;
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
  static async start(): Promise<RealMemcached> {
    const port = freePort();
    const where = ["-l", "127.0.0.1", "-p", `${port}`];
    // Its thread for the LRU holds on to items now and then, and a number that gets shorter is padded
    // only if nobody does.
    const settings = ["-u", "nobody", "-t", "1", "-m", "64", "-o", "no_lru_maintainer"];
    const process = new Deno.Command("memcached", {
      args: [...where, ...settings],
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
