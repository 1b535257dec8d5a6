/** What the tests of hooks run on shards. */
import { defineService, defineTasks, type Sharded } from "@tidepool/core/shard";

let ticks = 0;

class Quiet {}

export const quiet = defineService(import.meta.url, "quiet", Quiet);

export const hookTasks = defineTasks(import.meta.url, {
  /** Is over some turns of the event loop later. */
  tickLater: async () => {
    for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setTimeout(resolve));
    ticks++;
  },
  ticks: () => ticks,
  hasInstance: (service: Sharded<Quiet>) => service.hasLocal,
});
