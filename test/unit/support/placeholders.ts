/**
 * What stands for secrets in tests: text that is recognised wherever it turns up, also in base64 or as part of
 * something longer. Three shifts of the mark cover every way base64 can cut it.
 */
const mark = "PlaceholderSecret";

const inBase64 = [0, 1, 2].map((shift) => {
  const text = Buffer.from("-".repeat(shift) + mark).toString("base64");
  // Letters that also depend on what comes before and after the mark are left out.
  return text.slice(Math.ceil((shift * 8) / 6), -4);
});

export const placeholder = {
  /** A secret for a use. Letters and digits only, as real passwords are. */
  for: (use: string) => mark + use.replace(/[^A-Za-z0-9]/g, ""),
  /** Whether a text holds one. */
  isIn: (text: string) => [mark, ...inBase64].some((sign) => text.includes(sign)),
};
