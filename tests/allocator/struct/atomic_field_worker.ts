/** A thread that adds to atomic fields, and then waits for its turn. */
import { atomicI32, atomicI64, atomicU32, atomicU64, struct, u8 } from "../../../allocator/mod.ts";

/** What a thread is told. */
export interface Work {
  readonly segment: SharedArrayBuffer;
  readonly address: number;
  readonly index: number;
  readonly threads: number;
}

const ROUNDS = 20_000;
const Counters = struct("Counters", {
  kind: u8,
  hits: atomicU32,
  balance: atomicI32,
  bytes: atomicU64,
  sum: atomicI64,
});

self.onmessage = ({ data: { segment, address, index } }: MessageEvent<Work>) => {
  const counters = Counters.at(segment, address);
  for (let round = 0; round < ROUNDS; round++) {
    counters.hits.add(1);
    counters.sum.sub(1n);
    let seen = counters.bytes.peek();
    for (;;) {
      const found = counters.bytes.compareExchange(seen, seen + 1n);
      if (found === seen) break;
      seen = found;
    }
  }
  let last = "not-equal";
  for (let turn = counters.balance.load(); turn !== index; turn = counters.balance.load()) {
    last = counters.balance.wait(turn, 60_000);
    if (last === "timed-out") break;
  }
  counters.balance.add(1);
  counters.balance.notify();
  self.postMessage(last);
};
