/**
 * What the server calls itself in answer to `version`: memcached, of the version that it behaves like,
 * and nothing else. Clients take the numbers apart, and one ends its process if there is more.
 *
 * @module
 */

/** The version. */
export const VERSION = "1.6.18";
