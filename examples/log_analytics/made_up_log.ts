/**
 * A log for who has none at hand.
 *
 * @module
 */

/** Lines of a day, so many bytes or a few more. */
export function* madeUpLog(byteLength: number): Generator<Uint8Array> {
  const two = (number: number) => String(number).padStart(2, "0");
  const lines = Array.from({ length: 20_000 }, (_, i) => {
    const number = Math.floor((i * 7919 % 1000 / 1000) ** 3 * 900); // few are asked for often
    const path = number % 3 === 0 ? `/orders/${number}` : `/pages/${number}.html`;
    const status = i % 50 === 0 ? 500 : i % 11 === 0 ? 404 : 200;
    const time = `29/Nov/2026:${two(i * 24 / 20_000 | 0)}:${two(i % 60)}:00 +0000`;
    const seconds = (i * i % 997 * (status === 500 ? 9 : 1) / 1000).toFixed(3);
    return `192.0.2.${i % 250} - - [${time}] "GET ${path} HTTP/1.1" ${status} ${
      i * 37 % 20_000
    } ${seconds}\n`;
  });
  const bytes = new TextEncoder().encode(lines.join(""));
  for (let left = byteLength; left > 0; left -= bytes.length) yield bytes;
}
