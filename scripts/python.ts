/** `bash scripts/run python`: Ruff and mypy over the Python programs of the machines and of the tests. */
import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { checkoutRoot, stateDir } from "../ops/env";
import { pythonProgram } from "./setup/python";
import { main } from "./stack";

const tools = {
  name: "python-tools",
  why: "Ruff and mypy",
  requirements: join(checkoutRoot, "test", "python", "requirements.txt"),
};

/** Programs that import each other by their bare names, as they do where they run. */
const groups = [pythonFiles("cloud-init"), pythonFiles("test/integration/support")];

function pythonFiles(folder: string): string[] {
  const names = readdirSync(join(checkoutRoot, folder), { recursive: true, encoding: "utf8" });
  return names.filter((name) => name.endsWith(".py")).map((name) => join(folder, name));
}

main(() => {
  const check = (program: string, args: string[], env = {}) =>
    spawnSync(program, args, { cwd: checkoutRoot, stdio: "inherit", env: { ...process.env, ...env } }).status === 0;
  const cache = join(stateDir, "python");
  const ruff = pythonProgram(tools, "ruff");
  const mypy = pythonProgram(tools, "mypy");
  const options = ["--config-file", "mypy.ini", "--cache-dir", join(cache, "mypy")];
  const results = [
    check(ruff, ["check", "--cache-dir", join(cache, "ruff"), ...groups.flat()]),
    ...groups.map((files) =>
      check(mypy, [...options, ...files], { MYPYPATH: [...new Set(files.map((file) => dirname(file)))].join(":") }),
    ),
  ];
  return Promise.resolve(results.every(Boolean) ? 0 : 1);
});
