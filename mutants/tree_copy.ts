/**
 * Copies of a project in temporary folders, to change at will: the user's own files stay as they are.
 *
 * @module
 */

/** Folders that no test needs, or that Deno makes again. */
const LEFT_OUT: ReadonlySet<string> = new Set([".git", "node_modules", "coverage"]);

/** A copy of a folder; it goes with its disposal. */
export class TreeCopy implements AsyncDisposable {
  /** Where the copy lies. */
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** Copies the folder `root`. */
  static async of(root: string): Promise<TreeCopy> {
    const copy = new TreeCopy(await Deno.makeTempDir({ prefix: "tidepool-mutants-" }));
    try {
      await copyFolder(root, copy.folder);
    } catch (error) {
      await copy[Symbol.asyncDispose]();
      throw error;
    }
    return copy;
  }

  /** Writes one of its files. */
  async write(file: string, text: string): Promise<void> {
    await Deno.writeTextFile(`${this.folder}/${file}`, text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

async function copyFolder(from: string, to: string): Promise<void> {
  for await (const entry of Deno.readDir(from)) {
    if (LEFT_OUT.has(entry.name)) continue;
    const source = `${from}/${entry.name}`;
    const target = `${to}/${entry.name}`;
    if (entry.isDirectory) {
      await Deno.mkdir(target);
      await copyFolder(source, target);
    } else if (entry.isSymlink) await Deno.symlink(await Deno.readLink(source), target);
    else await Deno.copyFile(source, target);
  }
}
