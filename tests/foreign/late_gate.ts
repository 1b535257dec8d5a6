/** What `late_module.ts` waits for, on each thread. */
export const gate: PromiseWithResolvers<void> = Promise.withResolvers();
