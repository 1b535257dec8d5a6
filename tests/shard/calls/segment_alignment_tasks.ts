import { defineTasks, makeForeign, SharedPtr } from "../../../mod.ts";

class Text {
  text = "";
  add(text: string): number {
    this.text += text;
    return this.text.length;
  }
}

export const textTasks = defineTasks(import.meta.url, {
  open: () => makeForeign(new SharedPtr(new Text())),
  echo: (bytes: Uint8Array) => bytes,
});
