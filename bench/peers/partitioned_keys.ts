/** The keys of `compare partitioned`, as they come out of requests: each in one piece. */
export const KEYS: readonly string[] = Array.from({ length: 10_000 }, (_, index) => {
  return new TextDecoder().decode(new TextEncoder().encode(`user:${10_000 + index}`));
});
