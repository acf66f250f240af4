import assert from "node:assert/strict";
import { z } from "zod";
import { describe as faultsOf } from "../../../settings/faults";

/** What is said of a key that no setting has. */
function said(schema: z.ZodType, raw: unknown): string[] {
  const { error } = schema.safeParse(raw, { reportInput: true });
  return error!.issues.flatMap((issue) => faultsOf(issue, schema)).map(({ path, fault }) => `${path} ${fault}`);
}

describe("settings: keys that are known at a place", () => {
  const door = z.strictObject({ width: z.int(), colour: z.string().optional() });
  const wrong = { width: 1, color: "red" };
  const advice = "is not a setting; known here: width, colour";

  it("in a list", () =>
    assert.deepEqual(said(z.strictObject({ doors: z.array(door) }), { doors: [wrong] }), [`doors.0.color ${advice}`]));

  it("in a record", () =>
    assert.deepEqual(said(z.strictObject({ doors: z.record(z.string(), door) }), { doors: { front: wrong } }), [
      `doors.front.color ${advice}`,
    ]));

  it("under a default, a preprocessing and a transform", () => {
    const section = z.preprocess(
      (raw) => raw,
      door.prefault({ width: 1 }).transform(({ width }) => width),
    );
    assert.deepEqual(said(z.strictObject({ door: section }), { door: wrong }), [`door.color ${advice}`]);
  });

  it("in one of several forms", () => {
    const section = z.union([z.enum(["none"]), door]);
    assert.deepEqual(said(z.strictObject({ door: section }), { door: wrong }), [`door.color ${advice}`]);
  });
});
