/**
 * V8's heap profile: the format of `HeapProfiler.SamplingHeapProfile` in the Chrome DevTools
 * Protocol, which developer tools save as, and open from, `*.heapprofile`. A tree of calls from the
 * outermost in; each node has the bytes that were asked for there itself.
 *
 * ```text
 *  { head: node, samples: [] }
 *  node = { callFrame, selfSize: bytes, id: from 1, children: [node] }
 *  callFrame = { functionName, scriptId: "0", url, lineNumber, columnNumber }   counted from 0
 * ```
 *
 * @module
 */
import type { CallFrame } from "../placement/mod.ts";
import type { HeapProfileSite } from "./heap_profile.ts";

/** A call on a stack, in V8's format. */
export interface V8CallFrame {
  /** The name of the function, empty where it has none. */
  readonly functionName: string;
  /** V8's number for the script; "0" here, where it is not known. */
  readonly scriptId: string;
  /** The module, empty for code that belongs to none. */
  readonly url: string;
  /** Counted from 0, -1 where there is none. */
  readonly lineNumber: number;
  /** Counted from 0, -1 where there is none. */
  readonly columnNumber: number;
}

/** A call and the calls made from it, in V8's format. */
export interface V8HeapProfileNode {
  /** The call. */
  readonly callFrame: V8CallFrame;
  /** Bytes asked for by this call itself. */
  selfSize: number;
  /** A number of the node's own, from 1. */
  readonly id: number;
  /** The calls made from this one. */
  readonly children: V8HeapProfileNode[];
}

/** Samples of one size that were taken at one node, in V8's format. */
export interface V8HeapProfileSample {
  /** Bytes that the samples of the node stand for. */
  readonly size: number;
  /** The node. */
  readonly nodeId: number;
  /** Tells samples apart, in the order in which they were taken. */
  readonly ordinal: number;
}

/** A heap profile in V8's format, to be written as JSON. */
export interface V8HeapProfile {
  /** The root of the tree. */
  readonly head: V8HeapProfileNode;
  /** One for each node that has samples. */
  readonly samples: readonly V8HeapProfileSample[];
}

/** Joins the stacks of sites into V8's tree. */
export function v8HeapProfile(sites: readonly HeapProfileSite[]): V8HeapProfile {
  const root = { functionName: "(root)", url: "", lineNumber: 0, columnNumber: 0 };
  const head = makeNode(root, 1);
  const children = new Map<string, V8HeapProfileNode>();
  const samples: V8HeapProfileSample[] = [];
  for (const { stack, bytes } of sites) {
    let node = head;
    for (const frame of stack.toReversed()) {
      const { functionName, url, lineNumber, columnNumber } = frame;
      const key = [node.id, functionName, url, lineNumber, columnNumber].join("\n");
      let child = children.get(key);
      if (child === undefined) {
        child = makeNode(frame, children.size + 2);
        children.set(key, child);
        node.children.push(child);
      }
      node = child;
    }
    node.selfSize += bytes;
    samples.push({ size: bytes, nodeId: node.id, ordinal: samples.length + 1 });
  }
  return { head, samples };
}

function makeNode(frame: CallFrame, id: number): V8HeapProfileNode {
  const callFrame = {
    functionName: frame.functionName,
    scriptId: "0",
    url: frame.url,
    lineNumber: frame.lineNumber - 1,
    columnNumber: frame.columnNumber - 1,
  };
  return { callFrame, selfSize: 0, id, children: [] };
}
