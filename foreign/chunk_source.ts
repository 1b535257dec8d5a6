/**
 * Where chunks come from: streams, and whatever fills bytes that it is given, as files and connections of
 * Deno do.
 *
 * @module
 */

/** What fills bytes that it is given: a `Deno.FsFile`, a `Deno.Conn`, `Deno.stdin`. */
export interface ByteReader {
  /** Fills some of `bytes`; resolves to how many, to null at the end. */
  read(bytes: Uint8Array): Promise<number | null>;
}

/** What chunks are cut from. */
export type ChunkSource = ByteReader | ReadableStream<Uint8Array>;

/** The source, as chunks are cut from it. */
export interface OpenSource extends ByteReader {
  /** Whether a read ends soon, whatever others do: whoever closes the source can wait for it. */
  readonly isPrompt: boolean;
  /** Nothing more is read. */
  close(reason: unknown): void;
}

/**
 * Opens a source; takes nothing yet.
 *
 * @throws {TypeError} If it is neither a stream nor has a method `read`; if the stream is locked.
 */
export function openSource(source: ChunkSource): OpenSource {
  if (source instanceof ReadableStream) return new StreamSource(source);
  if (typeof source?.read !== "function") {
    throw new TypeError(
      `Cannot cut chunks from a source of type ${typeof source}: expected a ReadableStream, or an object with a method read(bytes)`,
    );
  }
  return {
    isPrompt: source instanceof Deno.FsFile,
    read: (bytes) => source.read(bytes),
    close: () => {}, // it is the program's own
  };
}

class StreamSource implements OpenSource {
  readonly isPrompt = true; // as closing it ends the read
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  /** What was taken from the stream and not read yet. */
  #rest: Uint8Array = new Uint8Array(0);

  constructor(stream: ReadableStream<Uint8Array>) {
    this.#reader = stream.getReader();
  }

  async read(bytes: Uint8Array): Promise<number | null> {
    while (this.#rest.length === 0) {
      const { value, done } = await this.#reader.read();
      if (done) return null;
      if (!(value instanceof Uint8Array)) {
        throw new TypeError(
          `Cannot cut chunks from a stream that gives what is of type ${typeof value}: expected Uint8Array`,
        );
      }
      this.#rest = value;
    }
    const part = this.#rest.subarray(0, bytes.length);
    bytes.set(part);
    this.#rest = this.#rest.subarray(part.length);
    return part.length;
  }

  close(reason: unknown): void {
    // What closing throws has nobody to be told to: the reader has gone, or has an error already.
    this.#reader.cancel(reason).catch(() => {});
  }
}
