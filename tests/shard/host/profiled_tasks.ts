/** Tasks that take processor time. */
import { defineTasks } from "@tidepool/core";

const ROUNDS = 60_000_000; // some 400 samples of a profile, whatever else the machine does

/** The function that a profile has to name. */
function sumOfRoots(): number {
  let sum = 0;
  for (let n = 0; n < ROUNDS; n++) sum += Math.sqrt(n);
  return sum;
}

export const profiledTasks = defineTasks(import.meta.url, { work: () => sumOfRoots() });
