/**
 * A structure of any endpoint, as one reads it that was given its address.
 *
 * @module
 */

import { type Endpoint, Life } from "../../shard/unstable_layers.ts";
import { ofFormerLife, wasClosed } from "./errors.ts";
import { Reading } from "./reading.ts";
import { controlWords, lineOf, sliceWords } from "./readers.ts";
import * as header from "./structure_header.ts";

/** The readings of one endpoint, by owner: a part of it, see `Endpoint.part()`. */
export class OwnReadings {
  readonly #endpoint: Endpoint;
  readonly #readings: { readonly life: Life; readonly reading: Reading }[] = [];

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
  }

  /** Those of the life that `owner` is in. */
  of(owner: number): Reading {
    const known = this.#readings[owner];
    const epoch = this.#endpoint.epochOf(owner);
    if (known?.life.epoch === epoch) return known.reading;
    const endpoint = this.#endpoint;
    const life = new Life(endpoint, owner, epoch);
    const reading = new Reading(
      controlWords(endpoint),
      lineOf(endpoint, owner, endpoint.id),
      life,
      () => whyOver(life),
      endpoint.epochOf(endpoint.id),
    );
    this.#readings[owner] = { life, reading };
    return reading;
  }
}

/** A structure, as one endpoint reads it. */
export class ForeignStructure {
  /** What it is called in errors. */
  readonly name: string;
  /** The endpoint that owns it. */
  readonly owner: number;
  /** Its address. */
  readonly address: number;
  /** The owner's slice. */
  readonly words: Int32Array<SharedArrayBuffer>;
  /** Index of its header there. */
  readonly index: number;
  /** This endpoint's readings of what the owner has. */
  readonly reading: Reading;
  readonly #serial: number;
  /** Rounds of the owner up to which this is known to be open. */
  #rounds: number;

  /**
   * The structure at `address`.
   *
   * @throws {TypeError} If the address is not a number, or another structure lies there.
   * @throws {RangeError} If no structure lies there.
   * @throws {ShardCrashedError} If its owner has died.
   * @throws {StaleStructureError} If it was closed, or is of a former life of its owner.
   */
  constructor(endpoint: Endpoint, address: number, name: string, definition: string) {
    this.name = name;
    this.address = address;
    this.owner = ownerOf(endpoint, address, name);
    const words = sliceWords(endpoint, this.owner);
    const index = (address - words.byteOffset) / 4;
    this.words = words;
    this.index = index;
    this.reading = endpoint.part(OwnReadings).of(this.owner);
    this.reading.begin();
    try {
      if (words[index + header.MAGIC_WORD] !== header.STRUCTURE_MAGIC) {
        throw nothingThere(address, name);
      }
      if (words[index + header.EPOCH_WORD] !== endpoint.epochOf(this.owner)) {
        throw ofFormerLife(name, this.owner);
      }
      this.#rounds = this.reading.rounds;
      this.#serial = words[index + header.SERIAL_WORD]!;
      const found = endpoint.allocator.readText(
        words.byteOffset + words[index + header.DEFINITION_WORD]! * 4,
        words[index + header.LENGTH_WORD]!,
      );
      if (found !== definition) throw isAnother(address, found, definition);
    } finally {
      this.reading.end();
    }
  }

  /**
   * Begins a reading: until end(), nothing that can be reached is freed.
   *
   * @throws {ShardCrashedError} If the owner has died.
   * @throws {StaleStructureError} If the structure was closed, or its owner was started again.
   */
  begin(): void {
    const { reading } = this;
    reading.begin();
    if (reading.rounds !== this.#rounds) this.#lookAgain();
  }

  /**
   * Whether what is read now can be looked at afterwards, by `reading.isUndisturbed()`, in place of a reading. It
   * is for what can stand to read anything, and costs half.
   */
  get mayGlance(): boolean {
    const { reading } = this;
    return reading.rounds === this.#rounds && reading.mayGlance;
  }

  /** Ends it. */
  end(): void {
    this.reading.end();
  }

  /** The owner has made rounds: it may have closed this. */
  #lookAgain(): void {
    const { index, words } = this;
    if (
      words[index + header.MAGIC_WORD] !== header.STRUCTURE_MAGIC ||
      words[index + header.SERIAL_WORD] !== this.#serial
    ) {
      this.reading.end();
      throw wasClosed(this.name, this.owner);
    }
    this.#rounds = this.reading.rounds;
  }
}

function ownerOf(endpoint: Endpoint, address: number, name: string): number {
  if (typeof address !== "number") {
    throw new TypeError(
      `Cannot read ${name}: expected its address, a number, received ${typeof address}`,
    );
  }
  const owner = endpoint.allocator.owner(address);
  if (owner < 0 || address % 8 !== 0) throw nothingThere(address, name);
  return owner;
}

function nothingThere(address: number, name: string): RangeError {
  return new RangeError(
    `Cannot read ${name} at address ${address}: no structure lies there (any more)`,
  );
}

function isAnother(address: number, found: string, definition: string): TypeError {
  return new TypeError(
    `Cannot read ${definition} at address ${address}: what lies there is ${found}`,
  );
}

function whyOver(life: Life): Error {
  return life.causeOfDeath ?? ofFormerLife("The structure", life.shard);
}
