/** Tasks that are handed things. */
import { defineTasks, submitTo, type Task, thisShard, transfer } from "@tidepool/core";

const order: string[] = [];
let port: MessagePort | undefined;

interface TransferTasks {
  readonly size: Task<[string, ArrayBuffer | Uint8Array], string>;
  readonly note: Task<[string], void>;
  readonly order: Task<[], string[]>;
  readonly make: Task<[number], ArrayBuffer>;
  readonly text: Task<[ReadableStream<string>], string>;
  readonly answer: Task<[MessagePort], void>;
  readonly pass: Task<[number, number], string>;
  readonly nested: Task<[unknown], void>;
}

export const transferTasks: TransferTasks = defineTasks(import.meta.url, {
  size: (name: string, buffer: ArrayBuffer | Uint8Array) => {
    order.push(name);
    return `${buffer.constructor.name} of ${buffer.byteLength} on ${thisShard()}`;
  },
  note: (name: string) => void order.push(name),
  order: () => order.splice(0),
  make: (byteLength: number) => transfer(new ArrayBuffer(byteLength)),
  text: async (stream: ReadableStream<string>) => {
    let text = "";
    for await (const chunk of stream) text += chunk;
    return text;
  },
  answer: (given: MessagePort) => {
    port = given;
    port.onmessage = ({ data }) => port!.postMessage(`heard ${data}`);
  },
  pass: (shard: number, byteLength: number) =>
    submitTo(shard, transferTasks.size, "passed", transfer(new Uint8Array(byteLength))),
  nested: () => {},
});
