/**
 * Calls into an endpoint: finding the function, running it, replying.
 *
 * @module
 */

import { CALLS_RECEIVED, REPLIES_SENT } from "./bus_statistics.ts";
import type { MessageBody } from "./message_body.ts";
import { INLINE_CHARACTERS, type RecordViews } from "./message_codec.ts";
import { type Handler, type Peer, ServedCall } from "./peer.ts";
import {
  CALL_WORD,
  FLAG_CANCELLABLE,
  FLAG_INTRODUCES,
  KIND_ERROR,
  KIND_ERROR_TEXT,
  KIND_RESULT,
  KIND_WORD,
  kindWord,
  TASK_WORD,
} from "./record_layout.ts";

/** The function behind a module's URL and a key; a promise while the module loads. */
export type Resolver = (module: string, key: string) => Handler | Promise<Handler>;

function resultName(): string {
  return "the result";
}
function errorName(): string {
  return "the error";
}

/** Calls into one endpoint. */
export class Callee {
  readonly #views: RecordViews;
  readonly #body: MessageBody;
  readonly #counters: Float64Array;
  readonly #resolve: Resolver;
  readonly #commit: (peer: Peer) => void;
  readonly #onDone: () => void;
  #underWay = 0;
  /** The peer and the call whose task is running now, up to its first await. */
  #currentPeer: Peer | undefined;
  #currentCall: ServedCall | undefined;

  /** `commit` takes the reserved slot of a peer's ring; `onDone` is told of each call that ends. */
  constructor(
    views: RecordViews,
    body: MessageBody,
    counters: Float64Array,
    resolve: Resolver,
    commit: (peer: Peer) => void,
    onDone: () => void,
  ) {
    this.#views = views;
    this.#body = body;
    this.#counters = counters;
    this.#resolve = resolve;
    this.#commit = commit;
    this.#onDone = onDone;
  }

  /** Calls that run or wait here. */
  get underWay(): number {
    return this.#underWay;
  }

  /** The endpoint that made the call whose task runs now, up to its first await. */
  get currentPeer(): Peer | undefined {
    return this.#currentPeer;
  }

  /** The call whose task runs now, up to its first await, if it can be cancelled. */
  get currentCall(): ServedCall | undefined {
    return this.#currentCall;
  }

  /** Takes the request at `at` and runs it, or holds it. */
  request(peer: Peer, kind: number, at: number): void {
    const words = this.#views.words;
    const call = words[at + CALL_WORD]!;
    const task = words[at + TASK_WORD]!;
    this.#counters[CALLS_RECEIVED]!++;
    this.#underWay++;
    let args: unknown[];
    try {
      args = this.#body.read(this.#views, at);
    } catch (error) {
      peer.consumer.release();
      this.#replyError(peer, call, error);
      return;
    }
    peer.consumer.release();
    const cancellable = (kind & FLAG_CANCELLABLE) !== 0;
    if (cancellable) peer.served.set(call, new ServedCall());
    if ((kind & FLAG_INTRODUCES) !== 0) {
      this.#meet(peer, task, args[0] as string, args[1] as string);
      args = args.slice(2);
    }
    if (peer.held === undefined) this.#run(peer, call, task, args, cancellable);
    else peer.held.push({ call, task, args, cancellable });
  }

  /** Learns which function `task` stands for; holds the peer's calls while its module loads. */
  #meet(peer: Peer, task: number, module: string, key: string): void {
    const found = this.#resolve(module, key);
    if (typeof found === "function") {
      peer.handlers[task] = found;
      return;
    }
    const held = peer.held ??= [];
    const ready = (handler: Handler | Error): void => {
      peer.handlers[task] = handler;
      // Two modules may load at once; calls go on, in order, as far as their tasks are known.
      while (held.length > 0 && peer.handlers[held[0]!.task] !== undefined) {
        const next = held.shift()!;
        this.#run(peer, next.call, next.task, next.args, next.cancellable);
      }
      if (held.length === 0) peer.held = undefined;
    };
    found.then(ready, ready);
  }

  #run(peer: Peer, call: number, task: number, args: unknown[], cancellable: boolean): void {
    const handler = peer.handlers[task]!;
    if (typeof handler !== "function") return this.#replyError(peer, call, handler);
    this.#currentPeer = peer;
    this.#currentCall = cancellable ? peer.served.get(call) : undefined;
    try {
      const result = handler(...args);
      if (isThenable(result)) {
        result.then(
          (value) => this.#reply(peer, call, value),
          (error) => this.#replyError(peer, call, error),
        );
      } else this.#reply(peer, call, result);
    } catch (error) {
      this.#replyError(peer, call, error);
    } finally {
      this.#currentPeer = undefined;
      this.#currentCall = undefined;
    }
  }

  #reply(peer: Peer, call: number, value: unknown): void {
    try {
      this.#write(peer, call, KIND_RESULT, value, resultName);
    } catch (error) {
      this.#replyError(peer, call, error);
    }
  }

  #replyError(peer: Peer, call: number, error: unknown): void {
    try {
      this.#write(peer, call, KIND_ERROR, error, errorName);
    } catch {
      // It has a field that cannot travel, or the slice has no memory for it: its text can go.
      const text = String(error).replace(/[^\0-\xff]/g, "?").slice(0, INLINE_CHARACTERS);
      this.#write(peer, call, KIND_ERROR_TEXT, text, errorName);
    }
  }

  #write(peer: Peer, call: number, kind: number, value: unknown, name: () => string): void {
    if (peer.gone === undefined) {
      const views = this.#views;
      // Invariant: the credit that admitted the request keeps a slot for its reply.
      let at = peer.producer.tryReserve();
      const bytes = this.#body.encode([value], views, at, name);
      // A getter may have made calls of its own, and taken the slot.
      if (bytes !== undefined) at = peer.producer.tryReserve();
      views.words[at + KIND_WORD] = kindWord(kind, 1, 0);
      views.words[at + CALL_WORD] = call;
      if (bytes !== undefined && !this.#body.tryWriteBlock(bytes, views, at)) {
        throw this.#body.memoryError(bytes.length);
      }
      this.#body.move(peer.endpoint);
      this.#counters[REPLIES_SENT]!++;
      this.#commit(peer);
    }
    if (peer.served.size > 0) peer.served.delete(call);
    this.#underWay--;
    this.#onDone();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}
