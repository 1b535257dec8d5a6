/**
 * A log for who has none at hand.
 *
 * @module
 */

/** Lines of the common log format, so many bytes or a few more. */
export function madeUpLog(byteLength: number): ReadableStream<Uint8Array> {
  const lines = Array.from({ length: 10_000 }, (_, index) => {
    const path = index % 3 === 0 ? `/orders/${index % 700}` : `/pages/${index % 200}.html`;
    const status = index % 50 === 0 ? 500 : index % 11 === 0 ? 404 : 200;
    const second = String(index % 60).padStart(2, "0");
    return `192.0.2.${
      index % 250
    } - - [29/Nov/2026:10:00:${second} +0000] "GET ${path} HTTP/1.1" ${status} ${
      index * 37 % 20_000
    }\n`;
  });
  const bytes = new TextEncoder().encode(lines.join(""));
  let left = byteLength;
  return new ReadableStream({
    pull(controller) {
      if (left <= 0) return controller.close();
      controller.enqueue(bytes);
      left -= bytes.length;
    },
  });
}
