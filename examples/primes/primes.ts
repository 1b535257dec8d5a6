/** Counts primes by trial division: work that takes a while and needs nothing but its arguments. */
import { defineTasks } from "@tidepool/core";

function isPrime(n: number): boolean {
  for (let divisor = 2; divisor * divisor <= n; divisor++) if (n % divisor === 0) return false;
  return n > 1;
}

export const primes = defineTasks(import.meta.url, {
  /** How many primes there are from `from` to below `to`. */
  count: (from: number, to: number) => {
    let count = 0;
    for (let n = from; n < to; n++) if (isPrime(n)) count++;
    return count;
  },
});
