import { z } from "zod";
import { clockNames, clocks, timings, type Clock, type Timing } from "../clocks";
import { told } from "./types";

/** A timing as a stack's file may have it. */
function field({ kind = "count" }: Timing) {
  if (kind === "fraction") return z.number().min(0.1);
  return z
    .number()
    .int()
    .min(kind === "or none" ? 0 : 1);
}

const overrides = z.strictObject(
  Object.fromEntries(Object.entries(timings).map(([name, timing]) => [name, field(timing).optional()])) as Record<
    keyof Clock,
    z.ZodOptional<z.ZodNumber>
  >,
);

/** A clock by the name of its preset, or a preset with single timings changed. */
export const clock = z
  .union([z.enum(clockNames), overrides.extend({ preset: z.enum(clockNames).default("fast") })])
  .default("fast")
  .transform((value): Clock => {
    if (typeof value === "string") return clocks[value];
    const { preset, ...changed } = value;
    return { ...clocks[preset], ...changed };
  })
  .meta(
    told("the failover clock: a preset's name, or a preset with single timings changed.", {
      example: "{preset: fast, ttl: 25}",
      whole: true,
    }),
  );
