/** What the shards of readers_test.ts do: one owns a map of texts, one reads it and dies of that. */
import { defineTasks, localAllocator } from "@tidepool/core";
import { text } from "@tidepool/core/allocator";
import { codec, type SharedMap, sharedMap, type SharedMapReader } from "@tidepool/core/structures";
import { localEndpoint } from "@tidepool/core/shard/unstable-layers";
import { ForeignStructure } from "../../../structures/readers/mod.ts";

const DEFINITION = "shared map Texts of text to text";
const Texts = sharedMap("Texts", { key: text(), value: text() });

/** The owner dies while it encodes a value of this text. */
export const DEADLY = "deadly";
const Deadly = sharedMap("Deadly", {
  key: text(),
  value: codec<string>({
    encode: (value) => {
      if (value === DEADLY) {
        self.close();
        throw new Error("in the middle of a write");
      }
      return new TextEncoder().encode(value);
    },
    decode: (bytes) => new TextDecoder().decode(bytes),
  }),
});

let texts: SharedMap<string, string>;
let deadly: SharedMap<string, string>;
let reader: SharedMapReader<string, string>;

export const readersTasks = defineTasks(import.meta.url, {
  open: () => {
    texts = Texts.make();
    texts.set("key", "first");
    return texts.address;
  },
  /** Replaces a value so many times, without a turn of the event loop. */
  replace: (times: number, length: number) => {
    for (let i = 0; i < times; i++) texts.set("key", String(i % 10).repeat(length));
  },
  get: (address: number) => Texts.reader(address).get("key"),
  tooMuch: (length: number) => {
    try {
      texts.set("key", "x".repeat(length));
      return "set";
    } catch (error) {
      return `${(error as Error).name}, ${texts.get("key")?.length}, ${texts.size}`;
    }
  },
  liveBlocks: () => localAllocator().liveBlocks,
  close: () => texts[Symbol.dispose](),
  /** Begins to read, and never ends. */
  beginOnly: (address: number) =>
    new ForeignStructure(localEndpoint(), address, "Texts", DEFINITION).begin(),
  /** Never answered. */
  die: () => {
    self.close();
    return new Promise<void>(() => {});
  },
  openDeadly: () => {
    deadly = Deadly.make();
    deadly.set("key", "alive");
    return deadly.address;
  },
  setDeadly: (value: string) => void deadly.set("key", value),
  openReader: (address: number) => void (reader = Deadly.reader(address)),
  /** Reads until the owner is dead, and says what it was told. */
  readOn: async () => {
    while (true) {
      try {
        for (let i = 0; i < 1000; i++) {
          if (reader.get("key") !== "alive") return "another value";
        }
      } catch (error) {
        return `${(error as Error).name}: ${(error as Error).message}`;
      }
      await new Promise<void>((resolve) => setTimeout(resolve)); // a turn of the event loop
    }
  },
});
