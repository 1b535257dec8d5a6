/**
 * The bus's figures for `stats`: the host has them, and a shard asks it through a port that it was
 * handed when it was told to serve.
 *
 * @module
 */

import type { BusStatistics, Runtime } from "@tidepool/core";

/** The host's side: answers the shards. */
export class BusFiguresSource {
  readonly #runtime: Runtime;
  /** The host's end of the port of each shard. */
  readonly #ports: (MessagePort | undefined)[] = [];

  constructor(runtime: Runtime) {
    this.#runtime = runtime;
  }

  /** A port for a shard, in place of the one of its former life. */
  portFor(shard: number): MessagePort {
    const { port1, port2 } = new MessageChannel();
    this.#ports[shard]?.close();
    this.#ports[shard] = port1;
    port1.onmessage = () => port1.postMessage(this.#runtime.busStatistics(shard));
    return port2;
  }

  /** Answers nobody any more. */
  close(): void {
    for (const port of this.#ports) port?.close();
  }
}

/** A shard's side. */
export class BusFigures {
  readonly #port: MessagePort;
  readonly #waiting: ((figures: BusStatistics) => void)[] = [];

  constructor(port: MessagePort) {
    this.#port = port;
    port.onmessage = ({ data }) => this.#waiting.shift()?.(data);
  }

  /** The figures of this shard's bus. */
  read(): Promise<BusStatistics> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#port.postMessage(undefined);
    });
  }

  /** Asks no more. */
  close(): void {
    this.#port.close();
  }
}
