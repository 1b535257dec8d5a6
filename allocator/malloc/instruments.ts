/**
 * What may watch the operations of an allocator: failure injection, the large-allocation warning, the
 * heap profile, the debug heap. Seastar has the same four inside its allocation paths, behind `#ifdef`
 * and thread-local flags; here they cost nothing while nobody watches, not even a test of a flag:
 *
 * `malloc` and `free` compare the request with a limit anyway (what the slice can hold, where the heap
 * ends). While an instrument watches, the allocator lowers that limit, and what lies above it takes the
 * slow path, on which this file's class is asked.
 *
 * ```text
 *            quiet (≤ limit)                       above the limit
 *  malloc ── TLSF ── address          malloc ── wants()? ── TLSF ── allocated() ── address
 *  free   ── TLSF                     free   ── freeing() ── TLSF
 * ```
 *
 * @module
 */

/**
 * Watches the operations of an allocator. A method that is missing is not called.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export interface Instrument {
  /**
   * Requests of up to this many bytes need not be told: -1 to see all. Read when the instrument is
   * added: one that wants to see others is removed, and added again.
   */
  readonly quietBytes: number;
  /** Whether frees need to be told. */
  readonly seesFrees: boolean;
  /**
   * Called before a block is looked for. Returning false makes the request fail, and is counted, as
   * if there were no memory; nothing is drained or reclaimed for it.
   */
  wants?(byteLength: number, alignment: number): boolean;
  /**
   * Called when a block was found, before its address is returned. `byteLength` is as asked for. If it
   * throws, the block is freed, and the request throws the same.
   */
  allocated?(address: number, byteLength: number): void;
  /**
   * Called before a block of this slice is freed, by its owner or from the list of remote frees. The
   * address has passed the checks. Throwing leaves the block as it was.
   */
  freeing?(address: number): void;
  /** Called when a block was resized where it lies, for those that see frees or the new size. */
  resized?(address: number, byteLength: number): void;
}

/** The instruments of one allocator, in the order in which they were added. */
export class Instruments {
  /** Requests of up to this many bytes are told to nobody. */
  quietBytes = Infinity;
  /** Whether anybody wants to hear of frees. */
  seesFrees = false;
  /** Replaced, never changed: an instrument may add or remove one while it is told. */
  #instruments: readonly Instrument[] = [];
  readonly #changed: (instruments: Instruments) => void;

  /** `changed` is called when the two fields above may have changed. */
  constructor(changed: (instruments: Instruments) => void) {
    this.#changed = changed;
  }

  /** Adds an instrument; disposing of what is returned removes it. Throws for what is none. */
  add(instrument: Instrument): Disposable {
    checkInstrument(instrument);
    this.#instruments = [...this.#instruments, instrument];
    this.#update();
    return {
      [Symbol.dispose]: () => {
        if (!this.#instruments.includes(instrument)) return;
        this.#instruments = this.#instruments.filter((other) => other !== instrument);
        this.#update();
      },
    };
  }

  /** Whether every instrument lets the request through. */
  wants(byteLength: number, alignment: number): boolean {
    for (const instrument of this.#instruments) {
      if (byteLength <= instrument.quietBytes || instrument.wants === undefined) continue;
      if (!instrument.wants(byteLength, alignment)) return false;
    }
    return true;
  }

  /** A block was found for a request. */
  allocated(address: number, byteLength: number): void {
    for (const instrument of this.#instruments) {
      if (byteLength > instrument.quietBytes) instrument.allocated?.(address, byteLength);
    }
  }

  /** A block was resized in place. */
  resized(address: number, byteLength: number): void {
    for (const instrument of this.#instruments) {
      if (instrument.seesFrees || byteLength > instrument.quietBytes) {
        instrument.resized?.(address, byteLength);
      }
    }
  }

  /** A block is about to be freed. */
  freeing(address: number): void {
    for (const instrument of this.#instruments) {
      if (instrument.seesFrees) instrument.freeing?.(address);
    }
  }

  /** Takes note of what the instruments want to see now. */
  #update(): void {
    this.quietBytes = Infinity;
    this.seesFrees = false;
    for (const { quietBytes, seesFrees } of this.#instruments) {
      this.quietBytes = Math.min(this.quietBytes, quietBytes);
      this.seesFrees ||= seesFrees;
    }
    this.#changed(this);
  }
}

/** A limit that is not a number would compare false with every request, with what no slice holds too. */
function checkInstrument(instrument: Instrument): void {
  if (typeof instrument !== "object" || instrument === null) {
    throw new TypeError(`Cannot watch with ${String(instrument)}: expected an object`);
  }
  const { quietBytes } = instrument;
  if (typeof quietBytes !== "number" || Number.isNaN(quietBytes)) {
    throw new TypeError(
      `Cannot watch with quietBytes of ${
        String(quietBytes)
      }: expected a number of bytes, -1 for all`,
    );
  }
}
