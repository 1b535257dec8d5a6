/** The example's store, with a start that takes a while, and that notices calls that come before its end. */

import { defineService, type ServiceDefinition } from "@tidepool/core";
import { SessionStore } from "../../../examples/session_store/session_store.ts";

const START_MS = 30; // as a store that reads its sessions from somewhere

export class CheckedStore extends SessionStore {
  #isOpen = false;

  async init(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, START_MS));
    this.#isOpen = true;
  }

  #check(): void {
    if (!this.#isOpen) throw new Error("The store was called before its init() had ended");
  }

  override get(id: string, name: string): string | undefined {
    this.#check();
    return super.get(id, name);
  }

  override set(id: string, name: string, value: string): boolean {
    this.#check();
    return super.set(id, name, value);
  }

  override delete(id: string, name: string): boolean {
    this.#check();
    return super.delete(id, name);
  }

  override count(): number {
    this.#check();
    return super.count();
  }
}

export const checkedStore: ServiceDefinition<[number], CheckedStore> = defineService(
  import.meta.url,
  "checkedStore",
  CheckedStore,
);

/** One that loses a write now and then. */
export class ForgetfulStore extends CheckedStore {
  #writes = 0;

  override set(id: string, name: string, value: string): boolean {
    return ++this.#writes % 50 === 0 || super.set(id, name, value);
  }
}

export const forgetfulStore: ServiceDefinition<[number], CheckedStore> = defineService(
  import.meta.url,
  "forgetfulStore",
  ForgetfulStore,
);

/** One that takes calls while it starts. */
export class HastyStore extends CheckedStore {
  override init(): Promise<void> {
    super.init();
    return Promise.resolve();
  }
}

export const hastyStore: ServiceDefinition<[number], CheckedStore> = defineService(
  import.meta.url,
  "hastyStore",
  HastyStore,
);
