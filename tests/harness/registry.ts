/**
 * A JSR of one's own on the loopback device: takes what `deno publish` sends, and serves it to
 * whoever resolves a `jsr:` specifier. `JSR_URL` points a Deno to it.
 *
 * The paths and the objects are those of the API that JSR documents. Two things are left out. There is
 * no `moduleGraph2` in a version's metadata, so that Deno reads the imports from the modules
 * themselves; and a package exists as soon as it is asked for, where JSR wants it to be made first.
 * And the day is another one: versions count as published two days ago, since Deno takes none that
 * is younger than a day, unless it is told to by `--minimum-dependency-age`.
 *
 * @module
 */
import { readTar } from "./tar_reader.ts";

const TWO_DAYS_MS = 2 * 24 * 60 * 60 * 1000;

interface PublishedVersion {
  readonly exports: Record<string, string>;
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly manifest: Record<string, { readonly size: number; readonly checksum: string }>;
  readonly createdAt: string;
}

const VERSIONS_API = /^\/api\/scopes\/([\w-]+)\/packages\/([\w-]+)\/versions\/([^/]+)$/;
const PACKAGE_API = /^\/api\/scopes\/([\w-]+)\/packages\/([\w-]+)$/;
const PACKAGE_METADATA = /^\/(@[\w-]+\/[\w-]+)\/meta\.json$/;
const VERSION_METADATA = /^\/(@[\w-]+\/[\w-]+)\/([^/]+)_meta\.json$/;
const FILE = /^\/(@[\w-]+\/[\w-]+)\/([^/]+)\/(.+)$/;

/** A registry that lives as long as it is held: `await using`. */
export class Registry implements AsyncDisposable {
  /** What `deno publish --token` has to be given. */
  readonly token: string = crypto.randomUUID();
  /** Every request so far, in order: "GET /@tidepool/core/meta.json". */
  readonly requests: string[] = [];
  readonly #versions = new Map<string, Map<string, PublishedVersion>>();
  readonly #modules = new Map<string, string>();
  readonly #server: Deno.HttpServer<Deno.NetAddr> = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    (request) => this.#answer(request),
  );

  /** What `JSR_URL` has to be. */
  get url(): string {
    return `http://127.0.0.1:${this.#server.addr.port}/`;
  }

  /** Puts a module under a path outside every package, as any web server could have it. */
  serveModule(path: string, text: string): string {
    this.#modules.set(path, text);
    return new URL(path, this.url).href;
  }

  /** The files of a published version, by their paths; throws if there is none. */
  filesOf(name: string, version: string): ReadonlyMap<string, Uint8Array> {
    return this.#version(name, version).files;
  }

  /** Ends the server when its requests are answered. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    this.requests.push(`${request.method} ${pathname}`);
    try {
      return await this.#route(request, pathname);
    } catch (error) {
      if (error instanceof NotHere) return errorResponse(404, "notFound", error.message);
      if (!(error instanceof Refused)) throw error;
      return errorResponse(error.status, error.code, error.message);
    }
  }

  async #route(request: Request, pathname: string): Promise<Response> {
    let match: RegExpExecArray | null;
    const module = this.#modules.get(pathname);
    if (module !== undefined) return sourceResponse(module);
    if ((match = VERSIONS_API.exec(pathname))) {
      const [, scope, name, version] = match;
      if (request.method === "POST") {
        return await this.#publish(request, `@${scope}/${name}`, version!);
      }
      this.#version(`@${scope}/${name}`, version!);
      return Response.json({ scope, package: name, version });
    }
    if ((match = PACKAGE_API.exec(pathname))) {
      return Response.json({ scope: match[1], name: match[2] });
    }
    if ((match = PACKAGE_METADATA.exec(pathname))) return this.#packageMetadata(match[1]!);
    if ((match = VERSION_METADATA.exec(pathname))) {
      const { exports, manifest } = this.#version(match[1]!, match[2]!);
      return Response.json({ exports, manifest });
    }
    if ((match = FILE.exec(pathname))) {
      const file = this.#version(match[1]!, match[2]!).files.get(match[3]!);
      if (file !== undefined) return sourceResponse(file);
    }
    throw new NotHere(`There is no ${pathname}`);
  }

  async #publish(request: Request, name: string, version: string): Promise<Response> {
    if (request.headers.get("authorization") !== `Bearer ${this.token}`) {
      throw new Refused(401, "missingAuthentication", "Expected the token of this registry");
    }
    const unzipped = request.body!.pipeThrough(new DecompressionStream("gzip"));
    const files = readTar(new Uint8Array(await new Response(unzipped).arrayBuffer()));
    const configPath = new URL(request.url).searchParams.get("config")!.slice(1);
    const configText = files.get(configPath);
    if (configText === undefined) throw malformed(`there is no "${configPath}" in the archive`);
    const config = JSON.parse(new TextDecoder().decode(configText));
    if (config.name !== name || config.version !== version) {
      throw malformed(`it is ${config.name}@${config.version}, sent as ${name}@${version}`);
    }
    const exports: Record<string, string> = typeof config.exports === "string"
      ? { ".": config.exports }
      : config.exports;
    for (const path of Object.values(exports)) {
      if (!files.has(path.slice("./".length))) throw malformed(`it exports "${path}", not sent`);
    }
    const manifest: Record<string, { size: number; checksum: string }> = {};
    for (const [path, bytes] of files) {
      const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      manifest[`/${path}`] = { size: bytes.length, checksum: `sha256-${digest.toHex()}` };
    }
    const versions = this.#versions.get(name) ?? new Map();
    const createdAt = new Date(Date.now() - TWO_DAYS_MS).toISOString();
    this.#versions.set(name, versions.set(version, { exports, files, manifest, createdAt }));
    return Response.json({ id: crypto.randomUUID(), status: "success", error: null });
  }

  #packageMetadata(path: string): Response {
    const versions = this.#versions.get(path);
    if (versions === undefined) throw new NotHere(`There is no package ${path}`);
    const [scope, name] = path.slice(1).split("/");
    return Response.json({
      scope,
      name,
      latest: [...versions.keys()].at(-1),
      versions: Object.fromEntries(
        [...versions].map(([version, { createdAt }]) => [version, { createdAt }]),
      ),
    });
  }

  #version(name: string, version: string): PublishedVersion {
    const found = this.#versions.get(name)?.get(version);
    if (found === undefined) throw new NotHere(`There is no ${name}@${version}`);
    return found;
  }
}

class NotHere extends Error {}

class Refused extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

function malformed(why: string): Refused {
  return new Refused(400, "malformedRequest", `Cannot publish this: ${why}`);
}

function errorResponse(status: number, code: string, message: string): Response {
  return Response.json({ code, message }, { status });
}

function sourceResponse(source: BodyInit): Response {
  return new Response(source, { headers: { "content-type": "application/typescript" } });
}
