/**
 * Updates of a partitioned map as types.
 *
 * @module
 */

/**
 * The updates of a definition: functions that make a new value of the one that a key has, undefined if it has
 * none. They may take more, and give undefined where the entry is to be deleted.
 */
export type MapUpdates<Value, Init> = {
  readonly [name: string]: (value: Value | undefined, ...args: never[]) => Init | undefined;
};

/** What an update takes beside the value. */
export type UpdateArguments<Update> = Update extends
  (value: never, ...args: infer Arguments) => unknown ? Arguments : never;

/** What `update()` gives: the new value, or undefined where the update may delete the entry. */
export type UpdateResult<Value, Update> = Update extends (...args: never[]) => infer Init
  ? undefined extends Init ? Value | undefined : Value
  : never;
