/**
 * Where a TypeScript source can be changed, and how: found in its syntax tree.
 *
 * What is left alone, as no test could tell or none should have to: types, imports, exports, what an
 * error says (all of `throw …` and of `new SomeError(…)`), templates, which are texts as a rule, and
 * the step of a `for` loop, which only ever hangs. What decides a branch is not turned round, since the
 * branch is tried both ways as it is.
 *
 * @module
 */
// deno-lint-ignore no-import-prefix -- in a lock file of its own: only who makes mutants downloads it
import ts from "npm:typescript@6.0.3";
import { describeChange, keyOf, type Mutant, type MutantKind } from "./mutant.ts";

const { SyntaxKind } = ts;

/** What an operator between two values becomes. */
const BINARY_OPERATORS: ReadonlyMap<ts.SyntaxKind, readonly string[]> = new Map([
  [SyntaxKind.PlusToken, ["-"]],
  [SyntaxKind.MinusToken, ["+"]],
  [SyntaxKind.AsteriskToken, ["/"]],
  [SyntaxKind.SlashToken, ["*"]],
  [SyntaxKind.PercentToken, ["*"]],
  [SyntaxKind.AsteriskAsteriskToken, ["*"]],
  [SyntaxKind.LessThanLessThanToken, [">>"]],
  [SyntaxKind.GreaterThanGreaterThanToken, ["<<"]],
  [SyntaxKind.GreaterThanGreaterThanGreaterThanToken, [">>"]],
  [SyntaxKind.AmpersandToken, ["|"]],
  [SyntaxKind.BarToken, ["&"]],
  [SyntaxKind.CaretToken, ["&"]],
  [SyntaxKind.PlusEqualsToken, ["-="]],
  [SyntaxKind.MinusEqualsToken, ["+="]],
  [SyntaxKind.AsteriskEqualsToken, ["/="]],
  [SyntaxKind.BarEqualsToken, ["="]],
  [SyntaxKind.AmpersandEqualsToken, ["="]],
  [SyntaxKind.QuestionQuestionEqualsToken, ["="]],
]);

/** The same of comparisons: the bound moved by one, where there is one. */
const COMPARISONS: ReadonlyMap<ts.SyntaxKind, string> = new Map([
  [SyntaxKind.LessThanToken, "<="],
  [SyntaxKind.LessThanEqualsToken, "<"],
  [SyntaxKind.GreaterThanToken, ">="],
  [SyntaxKind.GreaterThanEqualsToken, ">"],
]);

/** The opposite of a comparison. */
const OPPOSITES: ReadonlyMap<ts.SyntaxKind, string> = new Map([
  [SyntaxKind.LessThanToken, ">="],
  [SyntaxKind.LessThanEqualsToken, ">"],
  [SyntaxKind.GreaterThanToken, "<="],
  [SyntaxKind.GreaterThanEqualsToken, "<"],
  [SyntaxKind.EqualsEqualsEqualsToken, "!=="],
  [SyntaxKind.ExclamationEqualsEqualsToken, "==="],
  [SyntaxKind.EqualsEqualsToken, "!="],
  [SyntaxKind.ExclamationEqualsToken, "=="],
]);

const LOGICAL_OPERATORS: ReadonlySet<ts.SyntaxKind> = new Set([
  SyntaxKind.AmpersandAmpersandToken,
  SyntaxKind.BarBarToken,
  SyntaxKind.QuestionQuestionToken,
]);

/** What an operation of `Atomics` is when a thread may come between its accesses, by its name. */
const PLAIN_ACCESSES: ReadonlyMap<string, string> = new Map([
  ["load", "((w, i) => w[i])"],
  ["store", "((w, i, v) => w[i] = v)"],
  ["exchange", "((w, i, v) => { const was = w[i]; w[i] = v; return was; })"],
  [
    "compareExchange",
    "((w, i, e, v) => { const was = w[i]; if (was === e) w[i] = v; return was; })",
  ],
  ["add", "((w, i, v) => { const was = w[i]; w[i] = was + v; return was; })"],
  ["sub", "((w, i, v) => { const was = w[i]; w[i] = was - v; return was; })"],
  ["or", "((w, i, v) => { const was = w[i]; w[i] = was | v; return was; })"],
  ["and", "((w, i, v) => { const was = w[i]; w[i] = was & v; return was; })"],
]);

/**
 * Every mutant of a source, in the order of the text.
 *
 * @param file its path from the project's root, to name it by
 * @throws {SyntaxError} If the text is not TypeScript.
 */
export function findMutants(file: string, text: string): Mutant[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true);
  const [mistake] = (source as unknown as { parseDiagnostics: readonly ts.Diagnostic[] })
    .parseDiagnostics;
  if (mistake !== undefined) {
    const { line } = source.getLineAndCharacterOfPosition(mistake.start ?? 0);
    const what = ts.flattenDiagnosticMessageText(mistake.messageText, " ");
    throw new SyntaxError(`Cannot read ${file}:${line + 1}: ${what}`);
  }
  const finder = new MutantFinder(source);
  finder.visit(source);
  return numberTwins(finder.found.sort((a, b) => a.start - b.start || a.end - b.end));
}

/** Tells mutants apart that change equal lines of one function in the same way. */
function numberTwins(mutants: readonly Mutant[]): Mutant[] {
  const seen = new Map<string, number>();
  return mutants.map((mutant) => {
    const key = keyOf(mutant);
    const count = (seen.get(key) ?? 0) + 1;
    seen.set(key, count);
    return count === 1 ? mutant : { ...mutant, change: `${mutant.change} (${count})` };
  });
}

class MutantFinder {
  readonly found: Mutant[] = [];
  readonly #source: ts.SourceFile;
  readonly #names: string[] = [];

  constructor(source: ts.SourceFile) {
    this.#source = source;
  }

  visit(node: ts.Node): void {
    if (isLeftAlone(node)) return;
    this.#change(node);
    if (ts.isThrowStatement(node) || isError(node)) return;
    const name = nameOf(node);
    if (name !== undefined) this.#names.push(name);
    ts.forEachChild(node, (child) => this.visit(child));
    if (name !== undefined) this.#names.pop();
  }

  #change(node: ts.Node): void {
    if (ts.isBinaryExpression(node)) this.#binary(node);
    else if (ts.isPrefixUnaryExpression(node)) this.#prefix(node);
    else if (ts.isPostfixUnaryExpression(node)) this.#step(node, node.operand.end, node.end);
    else if (ts.isNumericLiteral(node)) this.#replace("constant", node, anotherNumber(node.text));
    else if (ts.isStringLiteral(node)) this.#string(node);
    else if (node.kind === SyntaxKind.TrueKeyword) this.#boolean(node, "false");
    else if (node.kind === SyntaxKind.FalseKeyword) this.#boolean(node, "true");
    else if (ts.isCallExpression(node)) this.#call(node);
    else if (ts.isIfStatement(node)) this.#condition(node.expression, ["true", "false"]);
    else if (ts.isConditionalExpression(node)) this.#condition(node.condition, ["true", "false"]);
    else if (ts.isWhileStatement(node) || ts.isDoStatement(node)) {
      this.#condition(node.expression, ["false"]); // true would never end
    } else if (ts.isForStatement(node)) {
      if (node.condition !== undefined) this.#condition(node.condition, ["false"]);
    } else if (isDeletable(node)) this.#delete(node);
    if (ts.isPropertyAccessExpression(node) || ts.isElementAccessExpression(node)) {
      const { questionDotToken: token } = node;
      if (token === undefined) return;
      this.#replace("operator", token, ts.isPropertyAccessExpression(node) ? "." : "");
    }
  }

  #binary(node: ts.BinaryExpression): void {
    const { left, operatorToken: token, right } = node;
    if (LOGICAL_OPERATORS.has(token.kind)) {
      this.#replace("operator", node, this.#textOf(left));
      this.#replace("operator", node, this.#textOf(right));
    } else if (isCoercion(node)) {
      this.#add("operator", left.end, node.end, "");
    } else if (COMPARISONS.has(token.kind) || OPPOSITES.has(token.kind)) {
      const bound = COMPARISONS.get(token.kind);
      if (bound !== undefined) this.#replace("operator", token, bound);
      if (!decidesBranch(node)) this.#replace("operator", token, OPPOSITES.get(token.kind)!);
    } else if (!ts.isStringLiteralLike(left) && !ts.isStringLiteralLike(right)) {
      for (const other of BINARY_OPERATORS.get(token.kind) ?? []) {
        this.#replace("operator", token, other);
      }
    }
  }

  #prefix(node: ts.PrefixUnaryExpression): void {
    const start = node.getStart(this.#source);
    if (
      node.operator === SyntaxKind.PlusPlusToken || node.operator === SyntaxKind.MinusMinusToken
    ) {
      this.#step(node, start, start + 2);
    } else if (node.operator !== SyntaxKind.ExclamationToken || !decidesBranch(node)) {
      this.#add("operator", start, node.operand.getStart(this.#source), "");
    }
  }

  /** `++` and `--`, the token from `start` to `end`. */
  #step(
    node: ts.PrefixUnaryExpression | ts.PostfixUnaryExpression,
    start: number,
    end: number,
  ): void {
    if (ts.isForStatement(node.parent) && node.parent.incrementor === node) return;
    this.#add("operator", start, end, node.operator === SyntaxKind.PlusPlusToken ? "--" : "++");
  }

  #string(node: ts.StringLiteral): void {
    this.#replace("constant", node, node.text === "" ? '"mutant"' : '""');
  }

  #boolean(node: ts.Node, opposite: string): void {
    if (!isCondition(node)) this.#replace("constant", node, opposite);
  }

  #call(node: ts.CallExpression): void {
    if (node.questionDotToken !== undefined) {
      this.#replace("operator", node.questionDotToken, "");
    }
    if (!ts.isPropertyAccessExpression(node.expression)) return;
    const { expression: object, name } = node.expression;
    if (!ts.isIdentifier(object)) return;
    if (object.text === "Math" && (name.text === "min" || name.text === "max")) {
      this.#replace("operator", name, name.text === "min" ? "max" : "min");
    } else if (object.text === "Atomics") {
      const plain = PLAIN_ACCESSES.get(name.text);
      if (plain === undefined) return;
      const { expression } = node;
      this.#add(
        "atomic",
        expression.getStart(this.#source),
        expression.end,
        plain,
        "plain accesses",
      );
    }
  }

  #condition(node: ts.Expression, values: readonly string[]): void {
    for (const value of values) {
      if (this.#textOf(node) !== value) this.#replace("condition", node, value);
    }
  }

  #delete(node: ts.Statement): void {
    const { parent } = node;
    // The branch that is never taken is a mutant already.
    if (ts.isIfStatement(parent) && parent.elseStatement === undefined) return;
    if (
      ts.isBlock(parent) && parent.statements.length === 1 && ts.isIfStatement(parent.parent) &&
      parent.parent.elseStatement === undefined
    ) return;
    this.#add("statement", node.getStart(this.#source), node.end, ";", "");
  }

  #replace(kind: MutantKind, node: ts.Node, replacement: string): void {
    this.#add(kind, node.getStart(this.#source), node.end, replacement);
  }

  #add(
    kind: MutantKind,
    start: number,
    end: number,
    replacement: string,
    becomes: string = replacement,
  ): void {
    const { line, character } = this.#source.getLineAndCharacterOfPosition(start);
    this.found.push({
      file: this.#source.fileName,
      kind,
      line: line + 1,
      column: character + 1,
      within: this.#names.join(".") || "module",
      change: describeChange(this.#source.text, start, end, becomes),
      start,
      end,
      replacement,
    });
  }

  #textOf(node: ts.Node): string {
    return node.getText(this.#source);
  }
}

/** What no test can tell from its like. */
function isLeftAlone(node: ts.Node): boolean {
  return ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isExportDeclaration(node) ||
    ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node) ||
    ts.isTypeParameterDeclaration(node);
}

function isError(node: ts.Node): boolean {
  return ts.isNewExpression(node) && ts.isIdentifier(node.expression) &&
    node.expression.text.endsWith("Error");
}

/** A class's, method's or function's own name. */
function nameOf(node: ts.Node): string | undefined {
  if (ts.isConstructorDeclaration(node)) return "constructor";
  if (
    ts.isClassDeclaration(node) || ts.isMethodDeclaration(node) || ts.isAccessor(node) ||
    ts.isFunctionDeclaration(node)
  ) return node.name?.getText();
}

/** `x | 0` and `x >>> 0`: what they do is to make x a whole number of 32 bits. */
function isCoercion({ operatorToken: { kind }, right }: ts.BinaryExpression): boolean {
  return ts.isNumericLiteral(right) && right.text === "0" &&
    (kind === SyntaxKind.BarToken || kind === SyntaxKind.GreaterThanGreaterThanGreaterThanToken);
}

/** Whether a node is the condition of a statement or of `? :`. */
function isCondition(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isConditionalExpression(parent) || ts.isForStatement(parent)) {
    return parent.condition === node;
  }
  return (ts.isIfStatement(parent) || ts.isWhileStatement(parent) || ts.isDoStatement(parent)) &&
    parent.expression === node;
}

/** Whether a value decides a branch, alone or with others, that is tried both ways by other mutants. */
function decidesBranch(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isParenthesizedExpression(parent) || isNegation(parent)) return decidesBranch(parent);
  if (ts.isBinaryExpression(parent) && LOGICAL_OPERATORS.has(parent.operatorToken.kind)) {
    return decidesBranch(parent);
  }
  return isCondition(node) && (ts.isIfStatement(parent) || ts.isConditionalExpression(parent));
}

function isNegation(node: ts.Node): boolean {
  return ts.isPrefixUnaryExpression(node) && node.operator === SyntaxKind.ExclamationToken;
}

/** Statements whose place may stay empty. */
function isDeletable(node: ts.Node): node is ts.Statement {
  if (ts.isExpressionStatement(node)) {
    const { expression } = node;
    return !(ts.isCallExpression(expression) &&
      expression.expression.kind === SyntaxKind.SuperKeyword);
  }
  return ts.isReturnStatement(node) || ts.isThrowStatement(node) || ts.isBreakStatement(node) ||
    ts.isContinueStatement(node) || ts.isForOfStatement(node) || ts.isForInStatement(node);
}

/** 0 and 1 for one another, else the next number. */
function anotherNumber(text: string): string {
  const value = Number(text);
  return value === 1 ? "0" : String(value + 1);
}
