/**
 * Numbers as a reader wants them: bytes in binary units, counts with separators, times in the unit
 * that leaves three digits.
 *
 * @module
 */

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB"] as const;
const COUNT = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** `3670016` as `3.5 MiB`. */
export function formatBytes(byteLength: number): string {
  const { value, unit } = scaleBytes(byteLength);
  return `${value} ${BYTE_UNITS[unit]}`;
}

/** `3670016` as `3.5M`, for a narrow column. */
export function formatShortBytes(byteLength: number): string {
  const { value, unit } = scaleBytes(byteLength);
  return unit === 0 ? value : `${value}${BYTE_UNITS[unit]![0]}`;
}

/** `240292` as `240,292`. */
export function formatCount(count: number): string {
  return COUNT.format(count);
}

/** `1 block`, `240,292 blocks`. */
export function formatCountOf(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** Milliseconds as `850ns`, `34µs`, `1.3ms` or `2.5s`; `–` for undefined. */
export function formatTime(milliseconds: number | undefined): string {
  if (milliseconds === undefined) return "–";
  if (milliseconds < 0.001) return `${Math.round(milliseconds * 1e6)}ns`;
  if (milliseconds < 0.9995) return `${threeDigits(milliseconds * 1000)}µs`;
  if (milliseconds < 999.5) return `${threeDigits(milliseconds)}ms`;
  return `${threeDigits(milliseconds / 1000)}s`;
}

/** `0.1234` as `12.3%`. */
export function formatShare(share: number): string {
  return `${(share * 100).toFixed(1)}%`;
}

function scaleBytes(byteLength: number): { value: string; unit: number } {
  let unit = 0;
  let value = byteLength;
  while (value >= 1023.5 && unit < BYTE_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  const digits = unit > 0 && value < 99.95 ? 1 : 0;
  return { value: value.toFixed(digits), unit };
}

/** `1.2`, `12`, `123`: with its unit, at most five characters. */
function threeDigits(value: number): string {
  return value < 9.95 ? value.toFixed(1) : String(Math.round(value));
}
