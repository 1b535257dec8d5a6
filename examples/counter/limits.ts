/** Limits that every shard looks at for each request, and that are seldom changed. */
import { defineTasks, type Replicated, type Task } from "@tidepool/core";

/** What the shards have to know. */
export interface Limits {
  /** Requests that one client may make. */
  readonly requests: number;
}

interface LimitTasks {
  readonly allows: Task<[Replicated<Limits>, number], boolean>;
  readonly raise: Task<[Limits, number], Limits>;
}

/** Tasks on limits. */
export const limits: LimitTasks = defineTasks(import.meta.url, {
  /** Whether a client may make so many requests, by the copy of the shard that this runs on. */
  allows: (shared: Replicated<Limits>, requests: number) => requests <= shared.local().requests,
  /** The limits that follow: a new value, as the former is still being read. */
  raise: ({ requests }: Limits, by: number): Limits => ({ requests: requests + by }),
});
