/** Whether PostgreSQL takes a value for a parameter (guc.c and bool.c of version 17). */
import type { Parameter } from "./catalogue";
import { readNumber, unitsOf, written } from "./numbers";
import { oneOf } from "./sentences";

/**
 * @param text the value as it will stand in postgresql.conf
 * @returns what is wrong with it and what to write; undefined when PostgreSQL takes it
 */
export function valueFault(text: string, of: Parameter): string | undefined {
  switch (of.type) {
    case "bool":
      return isBoolean(text) ? undefined : `is '${text}', which is neither true nor false; write on or off`;
    case "enum":
      return isWord(text, of.values!)
        ? undefined
        : `is '${text}', which is not one of its values; write ${oneOf(of.values!, "")}`;
    case "integer":
    case "real":
      return numberFault(text, of.type, of);
    case "string":
      return undefined;
  }
}

/** `parse_bool`: each word may be cut short while it is clear which one is meant. */
function isBoolean(text: string): boolean {
  const word = text.toLowerCase();
  if (["on", "of", "off", "1", "0"].includes(word)) return true;
  return word !== "" && ["true", "false", "yes", "no"].some((one) => one.startsWith(word));
}

/** An enum that can be on and off takes the other words for it, too, which `pg_settings` does not show. */
function isWord(text: string, values: string[]): boolean {
  const word = text.toLowerCase();
  return values.includes(word) || (values.includes("on") && ["true", "false", "yes", "no", "1", "0"].includes(word));
}

function numberFault(text: string, type: "integer" | "real", { unit, min, max }: Parameter): string | undefined {
  const range = `from ${written(min!, unit)} to ${written(max!, unit)}`;
  const read = readNumber(text, type, unit);
  if (!("wrong" in read)) {
    if (read.value < min!) return `is ${text}, which is too little; write ${written(min!, unit)} or more`;
    if (read.value > max!) return `is ${text}, which is too much; write ${written(max!, unit)} or less`;
    return undefined;
  }
  if (read.wrong === "number") {
    return `is '${text}', which is not a ${type === "integer" ? "whole number" : "number"}; write one ${range}`;
  }
  if (!unit) return `is '${text}', but it takes a number without a unit; write one ${range}`;
  const units = unitsOf(unit);
  const meant = units.find((one) => one.toLowerCase() === read.unit.toLowerCase().replace("ib", "b"));
  const advice = meant ? `write ${read.amount}${meant}` : `write ${oneOf(units, "")} after the number`;
  return `is '${text}', but '${read.unit}' is not a unit of it; ${advice}`;
}
