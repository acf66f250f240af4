/** Which folder may use which: floors, each standing on those below it only. What breaks a rule is named with its imports. */
const floors = [
  // Pure: what a stack is. Uses nothing of ours.
  ["settings"],
  // Pure renderers and the programs of the machines.
  ["cloud-init"],
  // Pulumi components; the operator's commands; rules for updates.
  ["components"],
  ["ops", "policy"],
  // Stand-ins for provider plugins and AWS, and stacks of a test's own.
  ["simulator"],
  // The program and the npm commands.
  ["scripts", "index.ts"],
  ["test"],
];

/** Goldens are written by the test that compares them. */
const exceptions = "^scripts/golden\\.ts$";

// What stands beside a folder is not its business, nor is what stands above it.
const forbidden = floors.slice(0, -1).flatMap((floor, height) =>
  floor.map((folder) => {
    const others = floors
      .slice(height)
      .flat()
      .filter((other) => other !== folder);
    return {
      name: `${folder}-uses-nothing-above-it`,
      severity: "error",
      from: { path: `^${folder}(/|$)`, pathNot: exceptions },
      to: { path: `^(${others.join("|").replaceAll(".", "\\.")})(/|$)` },
    };
  }),
);

export default {
  forbidden: [
    { name: "no-circle", severity: "error", from: {}, to: { circular: true } },
    {
      name: "pure-without-pulumi",
      severity: "error",
      from: { path: "^(settings|cloud-init)/" },
      to: { path: "node_modules/@pulumi/" },
    },
    ...forbidden,
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(\\.pgha|\\.tools)/" },
  },
};
