/** How values on the command line are read; commander tells the user what is wrong with one. */
import { InvalidArgumentError } from "commander";

/** A number, fractions too. */
export const atLeast = (least: number) => (text: string) => {
  const value = Number(text);
  if (!Number.isFinite(value) || value < least) throw new InvalidArgumentError(`It must be a number from ${least}.`);
  return value;
};

/** A whole number from 1. */
export const count = (text: string) => {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError("It must be a whole number from 1.");
  return Number(text);
};

/** Names separated by commas. */
export const commas = (text: string) => text.split(",").filter((name) => name !== "");

/** Whole numbers from 1, separated by commas. */
export const numbers = (text: string) => commas(text).map(count);
