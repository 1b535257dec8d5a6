/**
 * What the server calls itself in answer to `version`: the version of memcached that it behaves like.
 *
 * @module
 */

/** The version. */
export const VERSION = "1.6.18-tidepool";
