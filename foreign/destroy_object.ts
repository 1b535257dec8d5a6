/**
 * Running an object's destructor.
 *
 * @module
 */

/**
 * Runs `[Symbol.dispose]`, or else `[Symbol.asyncDispose]`, of `object`. A promise if the destructor
 * is asynchronous; objects without one need nothing.
 */
export function destroyObject(object: object): void | PromiseLike<void> {
  if (Symbol.dispose in object) return (object as Disposable)[Symbol.dispose]();
  if (Symbol.asyncDispose in object) return (object as AsyncDisposable)[Symbol.asyncDispose]();
}
