/**
 * Numbers as PostgreSQL reads them in its configuration (guc.c of version 17: `parse_int`, `parse_real`, `convert_to_base_unit`):
 * decimal, octal (017) or hexadecimal (0x1F), perhaps with a fraction and with a unit, whose case matters.
 */

/** How much of the smallest unit of its kind each is, the largest first. */
const memory = { TB: 1024 ** 4, GB: 1024 ** 3, MB: 1024 ** 2, kB: 1024, B: 1 };
const time = { d: 86_400_000_000, h: 3_600_000_000, min: 60_000_000, s: 1_000_000, ms: 1000, us: 1 };

type Scale = [unit: string, size: number][];

/** The units of the kind that a base unit (`8kB`, `ms`) is of, and how much of the smallest one it is. */
function scaleOf(base: string): { scale: Scale; size: number } {
  const [, factor, unit] = /^(\d*)(\w+)$/.exec(base)!;
  const kind: Record<string, number> = unit! in memory ? memory : time;
  return { scale: Object.entries(kind), size: Number(factor || 1) * kind[unit!]! };
}

/** Names of the units that may be written for a base unit, the smallest first. */
export const unitsOf = (base: string): string[] =>
  scaleOf(base)
    .scale.map(([unit]) => unit)
    .reverse();

/** A number in the parameter's base unit, or what hinders it. */
export type Read = { value: number } | { wrong: "number" } | { wrong: "unit"; amount: string; unit: string };

const whole = /^\s*[+-]?(0[xX][\da-fA-F]+|0[0-7]*|[1-9]\d*)/;
const fraction = /^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?/;

/** @param base the parameter's unit, if it has one */
export function readNumber(text: string, type: "integer" | "real", base?: string): Read {
  const start = type === "integer" ? whole.exec(text)?.[0] : undefined;
  // C's strtol reads up to a point or an exponent; then strtod reads it all.
  const number = start && !/^[.eE]/.test(text.slice(start.length)) ? start : fraction.exec(text)?.[0];
  if (number === undefined) return { wrong: "number" };
  const amount = number === start ? integer(number.trim()) : Number(number);
  const unit = text.slice(number.length).trim();
  if (!unit) return { value: rounded(amount, type) };
  const size = base && scaleOf(base).scale.find(([name]) => name === unit);
  if (!size) return { wrong: "unit", amount: number.trim(), unit };
  return { value: rounded(inBase(amount, unit, base), type) };
}

function integer(text: string): number {
  const digits = text.replace(/^[+-]/, "");
  const value = /^0[0-7]/.test(digits) ? parseInt(digits, 8) : Number(digits);
  return text.startsWith("-") ? -value : value;
}

const rounded = (value: number, type: "integer" | "real") => (type === "integer" ? toEven(value) : value);

/** C's rint: a half goes to the even neighbor. */
function toEven(value: number): number {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + (low % 2 === 0 ? 0 : 1) : Math.round(value);
}

/** A fraction such as 30.1GB counts as a whole number of the next smaller unit. */
function inBase(amount: number, unit: string, base: string): number {
  const { scale, size } = scaleOf(base);
  const at = scale.findIndex(([name]) => name === unit);
  const value = (amount * scale[at]![1]) / size;
  const smaller = scale[at + 1];
  if (!smaller) return value;
  const step = smaller[1] / size;
  return toEven(value / step) * step;
}

/** A number of base units as somebody would write it: in the largest unit that needs no fraction. */
export function written(value: number, base?: string): string {
  if (!base || value <= 0) return String(value);
  const { scale, size } = scaleOf(base);
  const unit = scale.find(([, one]) => (value * size) % one === 0);
  return unit ? `${(value * size) / unit[1]}${unit[0]}` : String(value);
}
