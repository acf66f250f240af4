/**
 * GitHub's workflow language, as far as the files of .github/workflows use it. Every other key is an error, so that a new construct is
 * noticed and taught to the interpreter, rather than passed over.
 */
import { parse } from "yaml";
import { z } from "zod";
import { NotKnown } from "./expressions";

const texts = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String));

/** Rights of a token. Only those that are used here. */
export const scopes = ["actions", "contents", "id-token", "issues", "pull-requests"] as const;
export type Permission = (typeof scopes)[number];
export type Permissions = Partial<Record<Permission, "read" | "write" | "none">>;
const permissions = z.strictObject(
  Object.fromEntries(scopes.map((name) => [name, z.enum(["read", "write", "none"]).optional()])) as Record<
    Permission,
    z.ZodOptional<z.ZodEnum<{ read: "read"; write: "write"; none: "none" }>>
  >,
);

const concurrency = z.strictObject({ group: z.string(), "cancel-in-progress": z.boolean().default(false) });

const step = z
  .strictObject({
    id: z.string().optional(),
    name: z.string().optional(),
    if: z.string().optional(),
    uses: z.string().optional(),
    with: texts.optional(),
    run: z.string().optional(),
    env: texts.optional(),
  })
  .refine(({ uses, run }) => (uses === undefined) !== (run === undefined), "a step has either uses or run");

const common = {
  needs: z
    .union([z.string(), z.array(z.string())])
    .default([])
    .transform((given) => [given].flat()),
  if: z.string().optional(),
  permissions: permissions.optional(),
  concurrency: concurrency.optional(),
};

const ordinary = z.strictObject({
  ...common,
  "runs-on": z.string(),
  "timeout-minutes": z.number(),
  environment: z.string().optional(),
  strategy: z
    .strictObject({ "fail-fast": z.literal(false), matrix: z.record(z.string(), z.array(z.string())) })
    .optional(),
  env: texts.default({}),
  outputs: z.record(z.string(), z.string()).default({}),
  steps: z.array(step).min(1),
});

const calling = z.strictObject({
  ...common,
  uses: z.string().regex(/^\.\/\.github\/workflows\/[\w-]+\.yml$/),
  with: texts.default({}),
});

/** Judged as what it is, so that a fault is named and not that it is neither. */
const job = z.unknown().transform((given, context): OrdinaryJob | CallingJob => {
  const read = (typeof given === "object" && given !== null && "uses" in given ? calling : ordinary).safeParse(given);
  if (read.success) return read.data;
  for (const { message, path } of read.error.issues) context.addIssue({ code: "custom", message, path });
  return z.NEVER;
});

const none = z.null();
const workflow = z.strictObject({
  name: z.string(),
  on: z.strictObject({
    pull_request: none.optional(),
    push: z.strictObject({ branches: z.array(z.string()), "paths-ignore": z.array(z.string()).default([]) }).optional(),
    schedule: z.array(z.strictObject({ cron: z.string() })).optional(),
    workflow_dispatch: none.optional(),
    workflow_run: z
      .strictObject({ workflows: z.array(z.string()), types: z.tuple([z.literal("completed")]) })
      .optional(),
    workflow_call: z
      .strictObject({
        inputs: z
          .record(z.string(), z.strictObject({ type: z.literal("string"), required: z.literal(true) }))
          .default({}),
        outputs: z.record(z.string(), z.strictObject({ description: z.string(), value: z.string() })).default({}),
      })
      .optional(),
  }),
  permissions: permissions.optional(),
  concurrency: concurrency.optional(),
  env: texts.default({}),
  jobs: z.record(z.string(), job),
});

export type Workflow = z.output<typeof workflow>;
export type Step = z.output<typeof step>;
export type OrdinaryJob = z.output<typeof ordinary>;
export type CallingJob = z.output<typeof calling>;
export type Job = OrdinaryJob | CallingJob;

/** @throws NotKnown naming the file and every key that is not known */
export function readWorkflow(file: string, text: string): Workflow {
  const read = workflow.safeParse(parse(text));
  if (!read.success) throw new NotKnown(`${file} has what is not known here:\n${z.prettifyError(read.error)}`);
  for (const [id, { needs }] of Object.entries(read.data.jobs)) {
    const missing = needs.filter((one) => !read.data.jobs[one]);
    if (missing.length > 0)
      throw new NotKnown(`${file}: the job ${id} needs ${missing.join(", ")}, which is not there`);
  }
  return read.data;
}

/** Whether a changed file is one of a list of patterns: `*` stays within a folder, `**` does not. */
export function matchesPath(patterns: string[], path: string): boolean {
  return patterns.some((pattern) => {
    const source = pattern
      .replace(/[.+^$()|[\]{}\\?]/g, "\\$&")
      .replaceAll("**", "\0")
      .replaceAll("*", "[^/]*");
    return new RegExp(`^${source.replaceAll("\0", ".*")}$`).test(path);
  });
}
