/** `npm test -- --thorough`: all rows of every table on real machines, which takes much longer. Otherwise some that stand for the others. */
export const thorough = process.env.PGHA_THOROUGH === "1";

/** Every row, or each nth of them. */
export const sample = <T>(rows: T[], each: number): T[] => rows.filter((_, index) => thorough || index % each === 0);

/** A test that is left out otherwise. */
export const thoroughIt = thorough ? it : it.skip;
