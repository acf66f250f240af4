import assert from "node:assert/strict";
import fc from "fast-check";
import { placeholder } from "./support/placeholders";

describe("placeholder secrets", () => {
  it("are found in plain text and in base64, wherever they stand", () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (before, after) => {
        const text = before + placeholder.for("a test") + after;
        assert.ok(placeholder.isIn(text));
        assert.ok(placeholder.isIn(Buffer.from(text).toString("base64")));
      }),
    );
  });

  it("are not found where there is none", () => {
    fc.assert(fc.property(fc.string(), (text) => !placeholder.isIn(text) && !placeholder.isIn(btoa(encodeURI(text)))));
  });
});
