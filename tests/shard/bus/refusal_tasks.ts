/** What the test of refusals runs on shards. */
import {
  defineService,
  defineTasks,
  type ForeignPtr,
  makeForeign,
  type ServiceDefinition,
  type Task,
  transfer,
  UniquePtr,
} from "@tidepool/core";

/** An object to point to, which can be called with anything. */
export class Target {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  call(...values: unknown[]): Promise<string> {
    return receive(...values);
  }
}

/** A service that can be called with anything. */
export class Receiver {
  call(...values: unknown[]): Promise<string> {
    return receive(...values);
  }
}
export const receiver: ServiceDefinition<unknown[], Receiver> = defineService(
  import.meta.url,
  "Receiver",
  Receiver,
);

/** Says what has come: a pointer, a buffer, a port that is told, a stream. */
async function receive(...values: unknown[]): Promise<string> {
  const [pointer, buffer, port, stream] = values as [
    ForeignPtr<Target>,
    ArrayBuffer,
    MessagePort,
    ReadableStream<string>,
  ];
  port.postMessage("by the port");
  port.close();
  let text = "";
  for await (const chunk of stream) text += chunk;
  await pointer.destroy();
  return `${buffer.byteLength} bytes, ${text}`;
}

interface RefusalTasks {
  readonly open: Task<[name: string], ForeignPtr<Target>>;
  readonly receive: Task<unknown[], string>;
  readonly update: Task<[unknown, ...unknown[]], string>;
  readonly destroyed: Task<[], string>;
  readonly give: Task<[what: string], unknown>;
  readonly stillHere: Task<[], string>;
  readonly drop: Task<[unknown], void>;
  readonly areSame: Task<[unknown, unknown], boolean>;
  readonly die: Task<[], void>;
}

const destroyed: string[] = [];
let kept: ArrayBuffer | undefined;

function open(name: string): ForeignPtr<Target> {
  return makeForeign(new UniquePtr(new Target(name), ({ name }) => void destroyed.push(name)));
}

/** Results that cannot be sent, each with something that could. */
const RESULTS: Readonly<Record<string, () => unknown>> = {
  "a function": () => ({ pointer: open("p"), deep: { bad: () => 0 } }),
  "a part of transfer()": () => ({ pointer: open("p"), deep: transfer(kept = new ArrayBuffer(8)) }),
  "a locked stream": () => {
    const stream = new ReadableStream();
    stream.getReader();
    return transfer(stream);
  },
  "a getter that throws": () => ({
    pointer: open("p"),
    get bad() {
      throw new SyntaxError("mine");
    },
  }),
};

export const refusalTasks: RefusalTasks = defineTasks(import.meta.url, {
  open,
  receive,
  update: (_value: unknown, ...values: unknown[]) => receive(...values),
  destroyed: () => destroyed.splice(0).join(),
  give: (what: string) => RESULTS[what]!(),
  stillHere: () => `${kept?.byteLength} bytes`,
  drop: (pointer: unknown) => (pointer as ForeignPtr<Target>).destroy(),
  areSame: (one: unknown, other: unknown) => one === other,
  /** The call ends with the shard. */
  die: () => {
    setTimeout(() => {
      throw new Error("dead");
    });
    return new Promise<void>(() => {});
  },
});
