/**
 * What becomes of a ring whose consumer dies in the middle of reading it, on endpoints of one thread:
 * each step happens at a known place.
 */
import { assertEquals } from "@std/assert";
import { defineTasks, type Task } from "@tidepool/core";
import { callableOf, findTask } from "../../../shard/calls/task.ts";
import { registerWireType } from "../../../shard/calls/wire_type_registry.ts";
import { startEndpoints } from "./endpoints_of_one_thread.ts";

/** Stands for a foreign pointer: somebody has to answer for it. */
class Token {
  constructor(readonly number: number) {}
}

/** Tokens that somebody was told nobody will read. */
const undelivered: number[] = [];
/** Tokens that came. */
const kept: number[] = [];
/** First letters of texts that came. */
const keptTexts: string[] = [];
let inTheMiddle = (): void => {};

registerWireType({
  name: "Token",
  module: import.meta.url,
  bind: () => ({
    class: Token,
    words: 1,
    write(token: Token, words: Int32Array, at: number): void {
      words[at] = token.number;
    },
    moved: () => {},
    read: (words: Int32Array, at: number) => new Token(words[at]!),
    undelivered: (words: Int32Array, at: number) => void undelivered.push(words[at]!),
  }),
});

interface UnreadTasks {
  readonly text: Task<[], string>;
  readonly takeText: Task<[string], void>;
  readonly keepText: Task<[string], void>;
  readonly keep: Task<[string, Token], void>;
  readonly middle: Task<[], void>;
}

const tasks: UnreadTasks = defineTasks(import.meta.url, {
  text: () => "t".repeat(1000),
  takeText: (_text: string) => {},
  keepText: (text: string) => void keptTexts.push(text[0]!),
  keep: (_text: string, token: Token) => void kept.push(token.number),
  middle: () => inTheMiddle(),
});

/** More than a chain of remote frees: the first of these reach their owner in the middle of a poll. */
const MESSAGES = 40;

for (const withReply of [true, false]) {
  const kind = withReply ? "replies" : "calls without reply";
  Deno.test(`a consumer that dies among ${kind}: blocks that it freed, and hold other messages by now, are not taken for unread`, async () => {
    await findTask(import.meta.url, "text"); // polls alone do not wait for the module
    const [producer, consumer, other] = startEndpoints();
    const calls: Promise<unknown>[] = [];
    /** How a call ends is nothing to this test: most are cut short. */
    const make = (call: Promise<unknown>) => calls.push(call.catch(() => {}));
    for (let i = 0; i < MESSAGES; i++) {
      if (withReply) make(consumer.submitTo(0, tasks.text, []));
      else make(producer.bus.callWithoutReply(1, callableOf(tasks.takeText), ["t".repeat(1000)]));
    }
    consumer.bus.flush();
    producer.bus.poll();
    // Behind them in the same ring, so it runs when they have been read and HEAD is not published.
    make(producer.submitTo(1, tasks.middle, []));
    producer.bus.flush();

    let alive = true;
    inTheMiddle = () => {
      const { frees } = producer.allocator.statistics();
      producer.allocator.drainRemoteFrees();
      assertEquals(producer.allocator.statistics().frees > frees, true, "or nothing is tested");
      for (let i = 0; i < MESSAGES; i++) {
        make(producer.submitTo(2, tasks.keep, ["k".repeat(900), new Token(i)]));
      }
      producer.bus.declareGone(1, new Error("it has died"), true);
      alive = false;
    };
    consumer.bus.poll();
    assertEquals(alive, false);
    assertEquals(undelivered.splice(0), []);
    producer.bus.flush();
    other.bus.poll();
    assertEquals(kept.splice(0), Array.from({ length: MESSAGES }, (_, i) => i));
    for (const endpoint of [other, producer, consumer]) endpoint.bus.close(new Error("the end"));
    await Promise.all(calls);
  });
}

for (const hasEnded of [true, false]) {
  const thread = hasEnded ? "has ended" : "may come back";
  const blocks = hasEnded ? "are free" : "stay as they are";
  Deno.test(`requests to a consumer whose thread ${thread}: their blocks ${blocks}`, async () => {
    await findTask(import.meta.url, "text");
    const [producer, consumer, other] = startEndpoints();
    const calls: Promise<unknown>[] = [];
    const send = (to: number, letter: string) => {
      for (let i = 0; i < MESSAGES; i++) {
        const call = producer.submitTo(to, tasks.keepText, [letter.repeat(900)]);
        calls.push(call.catch(() => {})); // how it ends is nothing to this test
      }
      producer.bus.flush();
    };
    const { liveBlocks } = producer.allocator.statistics();
    send(1, "a");
    const sent = producer.allocator.statistics().liveBlocks;
    assertEquals(sent, liveBlocks + MESSAGES);
    producer.bus.declareGone(1, new Error("it has died, or is stuck"), hasEnded);
    assertEquals(producer.allocator.statistics().liveBlocks, hasEnded ? liveBlocks : sent);
    send(2, "b"); // in blocks of the same size
    if (!hasEnded) {
      consumer.bus.poll(); // it has come back
      assertEquals(keptTexts.splice(0), Array.from({ length: MESSAGES }, () => "a"));
    }
    for (const endpoint of [other, producer, consumer]) endpoint.bus.close(new Error("the end"));
    await Promise.all(calls);
  });
}
