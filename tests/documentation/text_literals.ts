/**
 * The text literals of TypeScript source, as far as a test of texts needs them: comments are passed
 * over, `${…}` becomes `…`, and literals joined by `+` are one. It tells a regular expression from a
 * division by what stands before it, which is right for the code of this project, not for all.
 */

/** A literal, and the source in front of it. */
export interface TextLiteral {
  readonly text: string;
  readonly before: string;
}

/** Literals of `source`, in order; those inside of a `${…}` come before the one that holds them. */
export function textLiterals(source: string): TextLiteral[] {
  const found: TextLiteral[] = [];
  let end = 0; // where the last literal ended, to join what follows a `+`
  let at = 0;

  function quoted(quote: string): string {
    let text = "";
    for (at++; source[at] !== quote; at++) {
      if (source[at] === "\\") text += escapes[source[++at]!] ?? source[at];
      else if (quote === "`" && source.startsWith("${", at)) {
        at += 2;
        code("}");
        text += "…";
      } else text += source[at];
    }
    at++;
    return text;
  }

  function code(until: string): void {
    let depth = 0;
    for (; at < source.length; at++) {
      const c = source[at]!;
      if (c === '"' || c === "'" || c === "`") {
        const joined = found.length > 0 && /^\s*\+\s*$/.test(source.slice(end, at));
        const first = joined ? found.pop()! : { text: "", before: source.slice(0, at) };
        found.push({ ...first, text: first.text + quoted(c) });
        end = at--;
      } else if (source.startsWith("//", at)) at = source.indexOf("\n", at);
      else if (source.startsWith("/*", at)) at = source.indexOf("*/", at) + 1;
      else if (c === "/" && /[(,=:[!&|?{};]\s*$/.test(source.slice(0, at))) {
        while (source[++at] !== "/") if (source[at] === "\\") at++;
      } else if (c === until && depth === 0) return;
      else if (c === "{") depth++;
      else if (c === "}") depth--;
    }
  }

  code("");
  return found;
}

const escapes: Record<string, string> = { n: "\n", t: "\t", 0: "\0" };
