import js from "@eslint/js";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

const nodeGlobals = {
  console: "readonly",
  process: "readonly",
  require: "readonly",
  module: "writable",
  __dirname: "readonly",
};

export default defineConfig(
  globalIgnores([".pgha/", ".tools/"]),
  js.configs.recommended,
  tseslint.configs.recommended,
  {
    // An error turned into advice for the user says all there is to say; its cause would only be printed after it.
    rules: { "preserve-caught-error": "off" },
  },
  {
    files: ["**/*.ts"],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // A promise nobody waits for is an error nobody sees, and a test that cannot fail.
      "@typescript-eslint/no-floating-promises": "error",
      // An Output in a template literal becomes "Calling [toString] on an [Output<T>] ...": use pulumi.interpolate.
      "@typescript-eslint/restrict-template-expressions": [
        "error",
        { allowNumber: true, allowBoolean: true, allowNullish: true, allowAny: true, allowArray: true },
      ],
    },
  },
  { files: ["**/*.{js,cjs,mjs}"], languageOptions: { globals: nodeGlobals } },
  { files: ["**/*.cjs"], rules: { "@typescript-eslint/no-require-imports": "off" } },
);
