/**
 * Storing a value too long for the buffer of its connection: a block is taken on the home shard of
 * the key, filled from the socket, and then becomes the item.
 *
 * @module
 */

import type { Connection } from "./connection.ts";
import { Item } from "./item.ts";
import * as request from "./request.ts";
import { isShardGone } from "./router.ts";

/**
 * Stores the value of the connection's request, which comes next, from `valueStart` on.
 *
 * @returns The outcome; undefined if CR LF should be behind the value and is not.
 */
export async function storeFromSocket(
  connection: Connection,
  valueStart: number,
  endsWithLine: boolean,
): Promise<number | undefined> {
  return connection.router.isLocal(connection.request.hash)
    ? await storeHere(connection, valueStart, endsWithLine)
    : await storeElsewhere(connection, valueStart, endsWithLine);
}

async function storeHere(
  connection: Connection,
  valueStart: number,
  endsWithLine: boolean,
): Promise<number | undefined> {
  const { request: view, router: { store } } = connection;
  const { valueLength, keyLength } = view;
  const address = store.reserve(view);
  connection.begin = valueStart;
  if (address === 0) return await outOfMemory(connection, endsWithLine);
  try {
    await connection.readInto(address + connection.valueStart(keyLength), valueLength);
    if (endsWithLine && !(await connection.takeLineEnd())) {
      store.discard(address);
      return undefined;
    }
  } catch (error) {
    store.discard(address);
    throw error;
  }
  return store.commit(view, address);
}

async function storeElsewhere(
  connection: Connection,
  valueStart: number,
  endsWithLine: boolean,
): Promise<number | undefined> {
  const { request: view, router } = connection;
  const { valueLength, keyLength } = view;
  try {
    using reserved = await router.reserve(view);
    connection.begin = valueStart;
    if (reserved === null) return await outOfMemory(connection, endsWithLine);
    const start = connection.valueStart(keyLength);
    await connection.readPiecewise(() => reserved.view(Item).address + start, valueLength);
    if (endsWithLine && !(await connection.takeLineEnd())) return undefined;
    return await router.commit(view, reserved);
  } catch (error) {
    // What is left of the value is on its way; the connection can't go on behind it.
    if (isShardGone(error)) connection.closing = true;
    else throw error;
    return request.NO_SHARD;
  }
}

async function outOfMemory(connection: Connection, endsWithLine: boolean): Promise<number> {
  const { valueLength } = connection.request;
  await connection.swallow(valueLength + (endsWithLine ? 2 : 0));
  return request.NO_MEMORY;
}
