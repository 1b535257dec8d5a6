/**
 * The servers of `compare memcached`, each a process of its own on a port of its own.
 *
 * @module
 */

import { fileURLToPath } from "node:url";

/** How long a server may take until it accepts connections, and how often it is tried. */
const START_MS = 20_000;
const TRY_AGAIN_MS = 20;

/** What all servers are started with. */
export interface ServerSettings {
  /** Shards, or threads. */
  readonly shards: number;
  /** Memory in MiB; the server over a Map has no bound. */
  readonly memoryMebibytes: number;
  /** Whether Tidepool's memory is to be in huge pages. */
  readonly hugePages?: boolean;
}

/** A server. */
export class ServerProcess {
  readonly port: number;
  readonly #process: Deno.ChildProcess;

  private constructor(port: number, process: Deno.ChildProcess) {
    this.port = port;
    this.#process = process;
  }

  /** Starts a program, and resolves when it accepts connections. */
  static async start(
    program: string,
    argumentsFor: (port: number) => readonly string[],
  ): Promise<ServerProcess> {
    const port = freePort();
    const process = new Deno.Command(program, {
      args: [...argumentsFor(port)],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const server = new ServerProcess(port, process);
    let hasEnded = false;
    process.status.then(() => hasEnded = true);
    for (const deadline = performance.now() + START_MS;;) {
      try {
        (await Deno.connect({ hostname: "127.0.0.1", port })).close();
        return server;
      } catch (error) {
        if (!(error instanceof Deno.errors.ConnectionRefused)) throw error;
      }
      if (hasEnded) throw new Error(`${program} has ended instead of accepting connections`);
      if (performance.now() > deadline) {
        await server.close();
        throw new Error(`${program} does not accept connections after ${START_MS / 1000} s`);
      }
      await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
    }
  }

  /** The most memory that was resident so far, in bytes. Linux only. */
  async peakResidentBytes(): Promise<number> {
    const status = await Deno.readTextFile(`/proc/${this.#process.pid}/status`);
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#process.kill("SIGTERM");
    await this.#process.status;
  }
}

/** The example of this project. */
export function startTidepool(settings: ServerSettings): Promise<ServerProcess> {
  const main = fileURLToPath(new URL("../../examples/memcached/main.ts", import.meta.url));
  return ServerProcess.start(Deno.execPath(), (port) => [
    ...["run", "--no-check", "--quiet", "--allow-net", "--allow-read"],
    ...settings.hugePages ? ["--allow-ffi", main, "--huge-pages"] : [main],
    ...["--port", `${port}`, "--shards", `${settings.shards}`],
    ...["--memory", `${settings.memoryMebibytes}MiB`],
  ]);
}

/** Memcached itself. */
export function startMemcached(settings: ServerSettings): Promise<ServerProcess> {
  return ServerProcess.start("memcached", (port) => [
    ...["-u", "nobody", "-l", "127.0.0.1", "-p", `${port}`],
    ...["-t", `${settings.shards}`, "-m", `${settings.memoryMebibytes}`],
  ]);
}

/** Deno on one thread, with a Map. */
export function startPlain(): Promise<ServerProcess> {
  const main = fileURLToPath(new URL("./plain_memcached.ts", import.meta.url));
  return ServerProcess.start(Deno.execPath(), (port) => [
    ...["run", "--no-check", "--quiet", "--allow-net", main, `${port}`],
  ]);
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}
