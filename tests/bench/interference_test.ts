import { assertEquals } from "@std/assert";
import { Interference, LONG_US } from "../../bench/replay/interference.ts";

type Look = ReturnType<NonNullable<ConstructorParameters<typeof Interference>[0]>>;

/** An Interference whose looks are given, one after the other. */
function watching(...looks: Look[]): Interference {
  return new Interference(() => looks.shift()!);
}

function look(heapBytes: number, pageFaults = 0, preemptions = 0): Look {
  return { heapBytes, pageFaults, preemptions };
}

Deno.test("Interference puts long readings down to the first cause that their window saw", () => {
  const causes: [after: Look, expected: string][] = [
    [look(900, 5, 5), "collections"],
    [look(1000, 1, 5), "pageFaults"],
    [look(1100, 0, 1), "preemptions"],
    [look(1100), "unexplained"],
  ];
  for (const [after, expected] of causes) {
    const interference = watching(look(1000), look(1000), after);
    interference.begin();
    for (const microseconds of [1, LONG_US + 1, LONG_US, 1000]) interference.add(microseconds);
    interference.end();
    const none = { total: 2, collections: 0, pageFaults: 0, preemptions: 0, unexplained: 0 };
    assertEquals(interference.long, { ...none, [expected]: 2 });
  }
});

Deno.test("Interference looks every 64 readings, and forgets what was before them", () => {
  const interference = watching(
    look(1000),
    look(500, 9, 9), // begin(): what came before is nobody's
    look(600, 10, 9), // after the first 64
    look(700, 10, 9),
  );
  interference.begin();
  for (let reading = 0; reading < 128; reading++) interference.add(reading === 70 ? 80 : 1);
  assertEquals(interference.long.total, 1);
  assertEquals(interference.long.unexplained, 1);
  assertEquals(interference.long.pageFaults, 0);
});

Deno.test("Interference sees the collections and page faults of this process", () => {
  const interference = new Interference();
  interference.begin();
  const touched = new Uint8Array(64 << 20);
  for (let at = 0; at < touched.length; at += 4096) touched[at] = 1;
  interference.add(LONG_US + 1);
  interference.end();
  const { collections, pageFaults } = interference.long;
  assertEquals(collections + pageFaults, 1);
});
