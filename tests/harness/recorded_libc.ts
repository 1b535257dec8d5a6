/** A machine on paper: answers as it was told to, and writes down what it was asked to do. */
import type { Answer, Libc, PresentPages } from "../../shard/machine/mod.ts";

/** What there is, and what is refused. */
export interface PaperMachine {
  readonly cpus: readonly number[];
  readonly nodes: readonly number[];
  /** By path. */
  readonly files?: Readonly<Record<string, string>>;
  /** By call, its errno. */
  readonly refuses?: Readonly<Record<string, number>>;
  readonly pageBytes?: number;
  /** The node of each page that is there, by address. */
  readonly pages?: ReadonlyMap<number, number>;
}

/** Where every buffer lies: on no boundary of 2 MiB. */
export const ADDRESS = 0x7f00_0010_0000;
/** The number of every thread. */
export const THREAD = 4711;

export class RecordedLibc implements Libc {
  /** The calls that do something, in order: the name of the call, and what it was given. */
  readonly calls: (readonly unknown[])[] = [];
  readonly pageBytes: number;
  readonly #machine: PaperMachine;
  /** By first address, what `preferNode()` was told. */
  readonly #preferred = new Map<number, number>();

  constructor(machine: PaperMachine) {
    this.#machine = machine;
    this.pageBytes = machine.pageBytes ?? 4096;
  }

  addressOf(): number {
    return ADDRESS;
  }

  madvise(address: number, byteLength: number, advice: number): number {
    return this.#do("madvise", address, byteLength, advice);
  }

  lockOnFault(address: number, byteLength: number): number {
    return this.#do("lockOnFault", address, byteLength);
  }

  preferNode(address: number, byteLength: number, node: number): number {
    const errno = this.#do("preferNode", address, byteLength, node);
    if (errno === 0) this.#preferred.set(address, node);
    return errno;
  }

  pin(cpus: readonly number[]): number {
    return this.#do("pin", ...cpus);
  }

  threadId(): number {
    return THREAD;
  }

  preferredNode(address: number): Answer<number> {
    return this.#answer("preferredNode", this.#preferred.get(address) ?? -1);
  }

  allowedNodes(): Answer<number[]> {
    return this.#answer("allowedNodes", [...this.#machine.nodes]);
  }

  affinity(): Answer<number[]> {
    return this.#answer("affinity", [...this.#machine.cpus]);
  }

  nodesOfPages(addresses: readonly number[]): Answer<number[]> {
    const ABSENT = -2;
    return this.#answer(
      "nodesOfPages",
      addresses.map((address) => this.#machine.pages?.get(address) ?? ABSENT),
    );
  }

  scanPages(address: number, byteLength: number): Answer<PresentPages[]> {
    return this.#answer("scanPages", this.#present(address, byteLength));
  }

  presentPages(address: number, byteLength: number): Answer<PresentPages[]> {
    return this.#answer("presentPages", this.#present(address, byteLength));
  }

  #present(address: number, byteLength: number): PresentPages[] {
    return [...this.#machine.pages?.keys() ?? []]
      .filter((page) => page >= address && page < address + byteLength)
      .map((begin) => ({ begin, end: begin + this.pageBytes, isHuge: false }));
  }

  readText(path: string): Answer<string> {
    const value = this.#machine.files?.[path];
    return value === undefined ? { errno: 2 } : { errno: 0, value };
  }

  #do(call: string, ...given: readonly unknown[]): number {
    this.calls.push([call, ...given]);
    return this.#machine.refuses?.[call] ?? 0;
  }

  #answer<T>(call: string, value: T): Answer<T> {
    const errno = this.#machine.refuses?.[call] ?? 0;
    return errno === 0 ? { errno, value } : { errno };
  }
}
