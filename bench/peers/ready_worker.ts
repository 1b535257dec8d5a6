/**
 * A Worker that says that it runs, and waits: the least that a thread is.
 *
 * @module
 */
self.onmessage = () => {};
self.postMessage("ready");
