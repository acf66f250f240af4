/** Choices, as a sentence has them. */

/** `A`, `A or B`, `A, B or C`. @param otherwise when there is nothing to choose from */
export function oneOf(choices: string[], otherwise: string): string {
  if (choices.length === 0) return otherwise;
  const last = choices.at(-1)!;
  return choices.length === 1 ? last : `${choices.slice(0, -1).join(", ")} or ${last}`;
}

/** The beginning of an advice that goes on with what else can be done. */
export const eitherOf = (choices: string[]): string => (choices.length === 0 ? "" : `write ${oneOf(choices, "")}, or `);
