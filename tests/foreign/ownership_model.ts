/**
 * The model that random moves of foreign pointers are checked against: it gives out the numbers of
 * pointers and objects, knows who holds what, and counts references. A shard that dies makes some
 * outcomes a matter of time; then the model takes what the threads hold for the truth, and checks
 * that an object is destroyed exactly if nobody holds a pointer to it any more.
 */
import { Runtime } from "@tidepool/core";
import { assert, assertEquals } from "@std/assert";
import type { SeededRandom } from "../harness/seeded_random.ts";
import * as player from "./ownership_player.ts";

const SHARDS = 4;
/** The host's place among the holders. */
const HOST = SHARDS;
const STEPS_PER_ROUND = 400;
/** Pointers around which the number of pointers settles. */
const POINTERS = 600;

interface Pointer {
  readonly number: number;
  readonly object: TrackedObject;
  at: number;
}

interface TrackedObject {
  readonly number: number;
  readonly home: number;
  readonly shared: boolean;
  pointers: number;
}

/** A runtime and what ought to be in it. */
export class OwnershipModel implements AsyncDisposable {
  /** Steps played so far. */
  operations = 0;
  /** Objects destroyed so far, each exactly once, on its home shard. */
  destructions = 0;
  crashes = 0;
  readonly #random: SeededRandom;
  readonly #runtime: Runtime;
  readonly #submit: player.Submit;
  #restarted: PromiseWithResolvers<void> = Promise.withResolvers();
  readonly #warnings: readonly Error[];
  #pointers: Pointer[] = [];
  /** Objects that were not seen destroyed. */
  readonly #objects = new Map<number, TrackedObject>();
  #lastNumber = 0;

  private constructor(random: SeededRandom, runtime: Runtime, warnings: readonly Error[]) {
    this.#random = random;
    this.#runtime = runtime;
    this.#warnings = warnings;
    this.#submit =
      ((shard, task, ...args) => runtime.submitTo(shard, task, ...args as never)) as player.Submit;
  }

  static async start(random: SeededRandom): Promise<OwnershipModel> {
    const warnings: Error[] = [];
    const onRestart = (): void => model.#restarted.resolve();
    const runtime = await Runtime.start({
      shards: SHARDS,
      memory: SHARDS * 2 ** 22,
      ringSlots: 64,
      onCrash: "restart",
      onRestart,
      onWarning: (warning) => warnings.push(warning),
    });
    const model = new OwnershipModel(random, runtime, warnings);
    return model;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#runtime.stop();
  }

  /** Plays random steps on all threads at once, and waits for them. */
  async round(): Promise<void> {
    await Promise.all(this.#deal(-1).map((steps, at) => this.#play(at, steps, false)));
  }

  /** The same, while a shard dies in the middle; then finds out what is left. */
  async roundWithCrash(): Promise<void> {
    // In turn: a shard that dies too often within a minute is not started again.
    const dying = (this.#random.seed + this.crashes) % SHARDS;
    this.#restarted = Promise.withResolvers();
    const scripts = this.#deal(dying);
    const outcomes = scripts.map((steps, at) =>
      this.#play(at, steps, true).catch(player.expectDeath)
    );
    await Promise.all(outcomes);
    await this.#restarted.promise;
    this.crashes++;
    await this.#settle();
    await this.#takeStock(dying);
  }

  /** Every object without a pointer is destroyed, and no other. */
  async check(): Promise<void> {
    await this.#settle();
    for (let shard = 0; shard < SHARDS; shard++) {
      for (const number of await this.#submit(shard, player.playerTasks.takeDestroyed) ?? []) {
        const object = this.#objects.get(number);
        assert(object !== undefined, `Object ${number} was destroyed twice, or never made`);
        assertEquals(object.home, shard, `Object ${number} was destroyed on the wrong shard`);
        assertEquals(object.pointers, 0, `Object ${number} was destroyed while it was held`);
        this.#objects.delete(number);
        this.destructions++;
      }
    }
    for (const { number, pointers } of this.#objects.values()) {
      assert(pointers > 0, `Object ${number} is held by nobody and was not destroyed`);
    }
    for (let home = 0; home < SHARDS; home++) {
      const { outstanding } = this.#runtime.foreignStatistics(home);
      for (const [holder, count] of outstanding.entries()) {
        const expected = this.#pointers
          .filter(({ at, object }) => at === holder && object.home === home && at !== home);
        assertEquals(count, expected.length, `pointers to shard ${home} held by ${holder}`);
      }
    }
  }

  /** Drops everything; then nothing is left anywhere. */
  async end(): Promise<void> {
    const scripts = Array.from({ length: SHARDS + 1 }, (): number[] => []);
    for (const { number, at } of this.#pointers) scripts[at]!.push(player.DROP, number, 0, 0);
    for (const pointer of this.#pointers.splice(0)) pointer.object.pointers--;
    await Promise.all(scripts.map((steps, at) => this.#play(at, steps, false)));
    await this.check();
    assertEquals(this.#objects.size, 0);
    assertEquals(this.#warnings, []);
    for (let shard = 0; shard < SHARDS; shard++) {
      assertEquals(this.#runtime.foreignStatistics(shard).outstanding, [0, 0, 0, 0, 0]);
    }
  }

  /** Blocks in use on each shard. */
  async blocksInUse(): Promise<number[]> {
    await this.#settle(); // the blocks of the last messages come back
    return Array.from({ length: SHARDS }, (_, shard) => {
      const { mallocs, frees } = this.#runtime.memoryStatistics(shard);
      return mallocs - frees;
    });
  }

  async #play(at: number, steps: readonly number[], mayCrash: boolean): Promise<void> {
    const script = new Int32Array(steps);
    this.operations += script.length / player.NUMBERS_PER_STEP;
    if (at === HOST) await player.play(script, mayCrash, this.#submit);
    else await this.#submit(at, player.playerTasks.play, script, mayCrash);
  }

  /** Steps for every thread, which act on a pointer once at most; notes what they lead to. */
  #deal(dying: number): number[][] {
    const random = this.#random;
    const scripts = Array.from({ length: SHARDS + 1 }, (): number[] => []);
    const idle = random.shuffle(this.#pointers.slice());
    const crashAfter = random.below(STEPS_PER_ROUND);
    for (let i = 0; i < STEPS_PER_ROUND; i++) {
      if (dying >= 0 && i === crashAfter) scripts[dying]!.push(player.CRASH, 0, 0, 0);
      const pointer = random.below(2 * POINTERS) < this.#pointers.length ? idle.pop() : undefined;
      if (pointer === undefined) this.#open(scripts);
      else this.#step(pointer, scripts, dying);
    }
    return scripts;
  }

  #open(scripts: number[][]): void {
    const home = this.#random.below(SHARDS);
    const shared = this.#random.below(3) > 0;
    const object = { number: ++this.#lastNumber, home, shared, pointers: 0 };
    this.#objects.set(object.number, object);
    const { number } = this.#add(object, home);
    scripts[home]!.push(player.OPEN, number, object.number, shared ? 1 : 0);
  }

  #add(object: TrackedObject, at: number): Pointer {
    const pointer = { number: ++this.#lastNumber, object, at };
    object.pointers++;
    this.#pointers.push(pointer);
    return pointer;
  }

  #remove(pointer: Pointer): void {
    pointer.object.pointers--;
    const last = this.#pointers.pop()!;
    const index = this.#pointers.indexOf(pointer);
    if (last !== pointer) this.#pointers[index] = last;
  }

  #step(pointer: Pointer, scripts: number[][], dying: number): void {
    const { number, object, at } = pointer;
    const script = scripts[at]!;
    const shard = this.#random.below(SHARDS);
    const elsewhere = shard === at ? (shard + 1) % SHARDS : shard;
    const isCrowded = this.#pointers.length > POINTERS && this.#random.below(2) === 0;
    const kind = this.#random.below(isCrowded ? 2 : object.shared ? 16 : 10);
    if (kind <= 1) {
      this.#remove(pointer);
      script.push(kind === 0 ? player.DROP : player.DESTROY, number, 0, 0);
    } else if (kind <= 3) script.push(player.INVOKE, number, object.number, 0);
    else if (kind === 4 && at !== HOST) {
      scripts[HOST]!.push(player.FETCH, number, 0, at);
      pointer.at = HOST;
    } else if (kind <= 9) {
      script.push(player.MOVE, number, 0, elsewhere);
      pointer.at = elsewhere;
    } else if (kind <= 11) script.push(player.COPY, number, this.#add(object, at).number, 0);
    else if (kind === 12) {
      const copy = this.#add(object, at);
      this.#remove(pointer);
      script.push(player.COPY_DROP, number, copy.number, 0);
    } else if (kind <= 14 && at !== dying) {
      script.push(player.COPY_MOVE, number, this.#add(object, at).number, elsewhere);
      pointer.at = elsewhere;
    } else {
      const first = this.#add(object, at).number;
      this.#add(object, at);
      this.#add(object, at);
      script.push(player.COPY_MANY, number, first, 3);
    }
  }

  /** Lets everything arrive that is under way: destructions, and those that they lead to. */
  async #settle(): Promise<void> {
    for (let round = 0; round < 4; round++) {
      for (let shard = 0; shard < SHARDS; shard++) {
        await this.#submit(shard, player.playerTasks.tick);
      }
    }
  }

  /** After a death: asks who holds what, and forgets the objects that have died with their shard. */
  async #takeStock(dead: number): Promise<void> {
    const gone = [...this.#objects.values()].filter(({ home }) => home === dead);
    for (const { number } of gone) this.#objects.delete(number);
    const numbers = gone.map(({ number }) => number);
    player.forget(numbers);
    for (let shard = 0; shard < SHARDS; shard++) {
      await this.#submit(shard, player.playerTasks.forget, numbers);
    }
    this.#pointers = [];
    for (const object of this.#objects.values()) object.pointers = 0;
    for (let at = 0; at <= HOST; at++) {
      const list = at === HOST
        ? player.holdings()
        : await this.#submit(at, player.playerTasks.holdings);
      for (let i = 0; i < list.length; i += 2) {
        const object = this.#objects.get(list[i + 1]!);
        assert(object !== undefined, `Pointer ${list[i]} is to an object that is gone`);
        object.pointers++;
        this.#pointers.push({ number: list[i]!, object, at });
      }
    }
  }
}
