/**
 * Expressions of GitHub's workflow language: what this project's workflows use of them. What is not known here, and a name that is not
 * there, is an error; GitHub would put an empty text, and nobody would notice.
 * After: GitHub Docs, "Evaluate expressions in workflows and actions" and "Contexts reference".
 */
export type Value = string | number | boolean | null | Value[] | { [key: string]: Value };

/** What an expression can see. */
export interface Scope {
  /** By name: github, needs, vars, ... */
  contexts: Record<string, Value>;
  /** cancelled(), success(), ... */
  functions?: Record<string, () => boolean>;
}

/** What the workflows have and this stand-in does not know, or GitHub would not: it ends a run's test, and is no failure of a job. */
export class NotKnown extends Error {
  override name = "NotKnown";
}

/** Contexts whose members are there or not as somebody has set them: a missing one is empty. */
const optional = new Set(["vars"]);

const token = /\s*(?:('(?:[^']|'')*')|(\d+(?:\.\d+)?)|([A-Za-z_][\w-]*)|(==|!=|&&|\|\||[!().]))/y;

interface Token {
  kind: "text" | "number" | "name" | "operator";
  value: string;
}

function tokens(source: string): Token[] {
  const found: Token[] = [];
  token.lastIndex = 0;
  while (token.lastIndex < source.trimEnd().length) {
    const at = token.lastIndex;
    const [, text, number, name, operator] = token.exec(source) ?? [];
    if (text !== undefined) found.push({ kind: "text", value: text.slice(1, -1).replaceAll("''", "'") });
    else if (number !== undefined) found.push({ kind: "number", value: number });
    else if (name !== undefined) found.push({ kind: "name", value: name });
    else if (operator !== undefined) found.push({ kind: "operator", value: operator });
    else throw new NotKnown(`not known here: ${source.slice(at).trim()} in the expression ${source}`);
  }
  return found;
}

export const truthy = (value: Value): boolean =>
  !(value === "" || value === 0 || value === null || value === false || Number.isNaN(value));

/** As GitHub puts a value into a text. */
export function asText(value: Value): string {
  if (value === null) return "";
  if (typeof value === "object") throw new NotKnown(`a whole ${JSON.stringify(value).slice(0, 60)} in a text`);
  return String(value);
}

function same(left: Value, right: Value, source: string): boolean {
  if (typeof left === "string" && typeof right === "string") return left.toLowerCase() === right.toLowerCase();
  if (typeof left === typeof right && typeof left !== "object") return left === right;
  throw new NotKnown(`${source} compares ${JSON.stringify(left)} with ${JSON.stringify(right)}: not known here`);
}

/** What an expression is worth, `${{` and `}}` taken off. */
export function evaluate(source: string, { contexts, functions = {} }: Scope): Value {
  const all = tokens(source);
  let at = 0;
  const wrong = (what: string): never => {
    throw new NotKnown(`${what} in the expression ${source.trim()}`);
  };
  const takes = (operator: string): boolean => {
    const is = all[at]?.kind === "operator" && all[at]!.value === operator;
    if (is) at++;
    return is;
  };

  /** Both sides are always read; which of them counts is decided as GitHub does, by the operand and not by true or false. */
  const either = (): Value => {
    let left = both();
    while (takes("||")) {
      const right = both();
      left = truthy(left) ? left : right;
    }
    return left;
  };
  const both = (): Value => {
    let left = equal();
    while (takes("&&")) {
      const right = equal();
      left = truthy(left) ? right : left;
    }
    return left;
  };
  const equal = (): Value => {
    const left = not();
    if (takes("==")) return same(left, not(), source);
    if (takes("!=")) return !same(left, not(), source);
    return left;
  };
  const not = (): Value => (takes("!") ? !truthy(not()) : operand());

  const operand = (): Value => {
    if (takes("(")) {
      const inner = either();
      return takes(")") ? inner : wrong("a ) is missing");
    }
    const { kind, value } = all[at++] ?? wrong("something is missing");
    if (kind === "text") return value;
    if (kind === "number") return Number(value);
    if (kind === "operator") return wrong(`${value} is not known here`);
    if (takes("(")) {
      const called = functions[value] ?? wrong(`there is no ${value}() here`);
      return takes(")") ? called() : wrong(`${value}() with arguments is not known here`);
    }
    if (value === "true" || value === "false") return value === "true";
    if (value === "null") return null;
    return member(value);
  };

  const member = (context: string): Value => {
    let found = contexts[context] ?? wrong(`there is no context ${context} here`);
    let path = context;
    while (takes(".")) {
      const key = all[at++]?.value ?? wrong("a name is missing");
      path += `.${key}`;
      const inner = typeof found === "object" && found !== null && !Array.isArray(found) ? found[key] : undefined;
      if (inner === undefined && !optional.has(context)) wrong(`there is no ${path}`);
      found = inner ?? "";
    }
    return found;
  };

  const value = either();
  return at === all.length ? value : wrong(`${all[at]!.value} comes too early`);
}

const embedded = /\$\{\{(.*?)\}\}/gs;

/** A text with its expressions filled in. */
export const filled = (text: string, scope: Scope): string =>
  text.replace(embedded, (_, source: string) => asText(evaluate(source, scope)));

/** The expression of an `if`, which may or may not stand in `${{ }}`. */
export function condition(text: string): string {
  const whole = /^\s*\$\{\{(.*)\}\}\s*$/s.exec(text)?.[1] ?? text;
  if (whole.includes("${{")) throw new NotKnown(`an if that is only partly an expression is always true: ${text}`);
  return whole;
}

/** Whether an `if` asks for the state of what was before; where none does, GitHub asks for success(). */
export const asksForState = (source: string): boolean => /\b(success|failure|cancelled|always)\s*\(/.test(source);
