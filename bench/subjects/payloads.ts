/**
 * `compare payloads`: what programs send beside small numbers. Lists, records, text and bytes to
 * another thread and back, by Tidepool, by hand and in the formats of others; the codecs by
 * themselves; text in a slice; a file of lines counted on two threads.
 *
 * @module
 */
import type { CompareSettings } from "../compare.ts";
import {
  bestOf,
  find,
  measureInterleaved,
  type Measurement,
  type Ratio,
  ratioOf,
  type Trial,
} from "../comparison.ts";
import type { CallPeer, EchoPeer } from "../peers/payload_peer.ts";
import { type Findings, TIDEPOOL } from "../report.ts";
import { Callers, type OpenCaller, POST_MESSAGE, timeCalls } from "./callers.ts";
import { measureLogPrograms } from "./log_programs.ts";
import { assertArrives, codecTrials } from "./payload_codecs.ts";
import { textRatios, textTrials } from "./payload_text.ts";
import { LIST_LENGTH, makeBytes, ORDERS, RECORD_40, VALUES } from "./payload_values.ts";

const DEFAULT_SHARDS = "Tidepool, shards left out";
const MSGPACKR = ["msgpackr over the bus", "msgpackr, transferred"] as const;

const openOwn = async () => await import("../peers/payload_tidepool.ts");
const openPlain = async () => await import("../peers/payload_plain.ts");
const values = [...VALUES.values()];

/** Those that are called with numbers too. */
const CALL_PEERS: ReadonlyMap<string, OpenCaller<CallPeer>> = new Map([
  [TIDEPOOL, async () => await (await openOwn()).openTidepool()],
  [POST_MESSAGE, async () => await (await openPlain()).openPostMessage()],
  [DEFAULT_SHARDS, async () => await (await openOwn()).openDefaultShards()],
]);

/** Those that send everything back. */
const ECHO_PEERS: ReadonlyMap<string, OpenCaller<EchoPeer>> = new Map([
  ["JSON over the bus", async () => await (await openOwn()).openJson()],
  [MSGPACKR[0], async () => await (await openOwn()).openMsgpackr(values)],
  [MSGPACKR[1], async () => await (await openPlain()).openTransferredMsgpackr(values)],
  ["v8.serialize over the bus", async () => await (await openOwn()).openV8()],
]);

const IN_FLIGHT = 1_000;
const SINGLE = `orders there and back, a call each, ${IN_FLIGHT.toLocaleString("en")} in flight`;
const LISTS = `orders there and back, lists of ${LIST_LENGTH}, ${
  IN_FLIGHT / LIST_LENGTH
} in flight`;
const ADD = "add(a, b), one at a time";
const BYTES_1K = "1 KiB of bytes, there and back";
const TEXT_1K = "1 KiB of ASCII text, there and back";
const measureOf = (kind: string) => `${kind}, there and back`;

/** Runs the comparison. */
export async function comparePayloads(settings: CompareSettings): Promise<Findings> {
  const sampleMs = settings.quick ? 5 : 100;
  const calls = await measureCalls(settings, sampleMs);
  const text = await measureTrials(textTrials(sampleMs / 2), settings);
  const codecs = await measureTrials(codecTrials(sampleMs / 5), settings);
  // After all others have gone: its programs want both cores.
  const megabytes = settings.quick ? 20 : 200;
  const log = await measureLogPrograms(megabytes, settings.repetitions, settings.progress);
  return {
    measurements: [...calls.measurements, ...text, ...codecs, ...log.measurements],
    ratios: {
      ...callRatios(calls.measurements),
      ...textRatios(text),
      ...echoRatios(calls.measurements),
      log200_time_vs_transfer: log.timeVersusTransfer,
    },
    notes: [
      "One caller, one thread that is called; each contestant has a worker of its own, and all of " +
      "them are up while one is measured. What goes there and back goes one at a time.",
      `A sample is ${sampleMs} ms of calls, ${
        sampleMs / 2
      } ms where text is read or written or a ` +
      `value goes there and back, ${sampleMs / 5} ms of a codec.`,
      "An order is an object of six fields: three numbers and three strings.",
      "What a contestant sends back is compared once with what was sent; a contestant that changes a " +
      "value has no figure for it.",
      "msgpackr writes records whose structures both ends know before the first call.",
      `The log has ${megabytes} MB. Each program is a process of its own, from its start to its end, ` +
      "and reads the file in blocks of 1 MiB.",
      ...calls.unclosed,
    ],
  };
}

async function measureTrials(
  trials: readonly Trial[],
  settings: CompareSettings,
): Promise<Measurement[]> {
  return await measureInterleaved(trials, settings.repetitions, (done, total, trial) => {
    settings.progress(`sample ${done} of ${total}: ${trial.measure}, ${trial.name}`);
  });
}

async function measureCalls(
  settings: CompareSettings,
  sampleMs: number,
): Promise<{ measurements: Measurement[]; unclosed: string[] }> {
  const callPeers = await Callers.openVerified(CALL_PEERS, settings.progress, verifyCalls);
  const echoPeers = await Callers.openVerified(ECHO_PEERS, settings.progress, verifyEcho);
  const trials = [
    ...([[SINGLE, 1], [LISTS, LIST_LENGTH]] as const).flatMap(([measure, ordersPerCall]) =>
      [TIDEPOOL, POST_MESSAGE].map((name) => {
        return rateTrial(callPeers, name, measure, ordersPerCall, sampleMs);
      })
    ),
    ...CALL_PEERS.keys().map((name) => addTrial(callPeers, name, sampleMs)),
    ...kilobytes().flatMap(([measure, value]) =>
      [TIDEPOOL, POST_MESSAGE].map((name) => {
        return echoTrial(callPeers, name, measure, value, sampleMs);
      })
    ),
    ...[...VALUES].flatMap(([kind, value]) => [
      ...[TIDEPOOL, POST_MESSAGE].map((name) => {
        return echoTrial(callPeers, name, measureOf(kind), value, sampleMs / 2);
      }),
      ...ECHO_PEERS.keys().map((name) => {
        return echoTrial(echoPeers, name, measureOf(kind), value, sampleMs / 2);
      }),
    ]),
  ];
  const measurements = await measureTrials(trials, settings);
  return { measurements, unclosed: [...await callPeers.close(), ...await echoPeers.close()] };
}

function kilobytes(): [string, unknown][] {
  return [[BYTES_1K, makeBytes(1_024)], [
    TEXT_1K,
    "a plain line of text. ".repeat(47).slice(0, 1_024),
  ]];
}

async function verifyCalls(peer: CallPeer): Promise<void> {
  assertArrives(5, await peer.add(2, 3));
  await verifyEcho(peer);
}

async function verifyEcho(peer: EchoPeer): Promise<void> {
  assertArrives(ORDERS, await peer.echo(ORDERS));
}

/** Orders a second, `IN_FLIGHT` of them at any time, so many a call. */
function rateTrial(
  peers: Callers<CallPeer>,
  name: string,
  measure: string,
  ordersPerCall: number,
  sampleMs: number,
): Trial {
  const lists = Array.from({ length: ORDERS.length / LIST_LENGTH }, (_, index) => {
    return ORDERS.slice(index * LIST_LENGTH, (index + 1) * LIST_LENGTH);
  });
  const sent: readonly unknown[] = ordersPerCall === 1 ? ORDERS : lists;
  const call = (peer: CallPeer, index: number) => peer.echo(sent[index % sent.length]);
  return {
    name,
    measure,
    unit: "orders/s",
    sample: () =>
      peers.ask(name, async (peer) => {
        return ordersPerCall / await timeCalls(call, peer, IN_FLIGHT / ordersPerCall, sampleMs);
      }),
  };
}

function addTrial(peers: Callers<CallPeer>, name: string, sampleMs: number): Trial {
  const add = (peer: CallPeer, index: number) => peer.add(index, 1);
  return {
    name,
    measure: ADD,
    unit: "µs/call",
    sample: () => peers.ask(name, async (peer) => 1e6 * await timeCalls(add, peer, 1, sampleMs)),
  };
}

function echoTrial<Peer extends EchoPeer>(
  peers: Callers<Peer>,
  name: string,
  measure: string,
  value: unknown,
  sampleMs: number,
): Trial {
  const echo = (peer: Peer) => peer.echo(value);
  let verified = false;
  return {
    name,
    measure,
    unit: "µs/call",
    sample: () =>
      peers.ask(name, async (peer) => {
        if (!verified) assertArrives(value, await peer.echo(value));
        verified = true;
        return 1e6 * await timeCalls(echo, peer, 1, sampleMs);
      }),
  };
}

function callRatios(measurements: readonly Measurement[]): Record<string, Ratio> {
  const own = (measure: string) => find(measurements, TIDEPOOL, measure);
  const record40 = measureOf(RECORD_40);
  const msgpackr = MSGPACKR.map((name) => find(measurements, name, record40));
  return {
    list100_rate_vs_postmessage: ratioOf([{
      dividend: own(LISTS),
      divisor: find(measurements, POST_MESSAGE, LISTS),
    }]),
    list100_rate_vs_single_calls: ratioOf([{ dividend: own(LISTS), divisor: own(SINGLE) }]),
    record40_time_vs_msgpackr: ratioOf([{
      dividend: own(record40),
      divisor: bestOf(msgpackr, "lowest"),
    }]),
  };
}

function echoRatios(measurements: readonly Measurement[]): Record<string, Ratio> {
  const own = (measure: string) => find(measurements, TIDEPOOL, measure);
  return {
    echo1k_bytes_time_vs_call: ratioOf([{ dividend: own(BYTES_1K), divisor: own(ADD) }]),
    echo1k_text_time_vs_call: ratioOf([{ dividend: own(TEXT_1K), divisor: own(ADD) }]),
    default_seq_vs_postmessage: ratioOf([{
      dividend: find(measurements, DEFAULT_SHARDS, ADD),
      divisor: find(measurements, POST_MESSAGE, ADD),
    }]),
  };
}
