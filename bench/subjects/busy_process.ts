/**
 * A process that keeps one core busy and never waits: `busy_cores.ts` starts it with its own process
 * id. It writes one byte once it has been spinning for a while, and ends soon after its parent has,
 * however that came: a parent that is killed cannot end it.
 *
 * @module
 */

/** Long enough for the start of the process, compiling included, to be over. */
const SETTLE_MS = 100;
const TURNS_PER_LOOK = 1_000_000;

const parent = Number(Deno.args[0]);
const begin = performance.now();
let told = false;
let turns = 0;
while (turns++ % TURNS_PER_LOOK !== 0 || Deno.ppid === parent) {
  if (told || turns % TURNS_PER_LOOK !== 0 || performance.now() - begin < SETTLE_MS) continue;
  Deno.stdout.writeSync(new Uint8Array([0x2e]));
  told = true;
}
