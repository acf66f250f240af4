import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";

const cloudInit = join(__dirname, "../../../cloud-init");
const services = join(cloudInit, "services");

/** Where Python finds the programs of the machines, which are in one folder there. */
export const pythonPath = [cloudInit, ...readdirSync(services).map((name) => join(services, name))].join(":");

/**
 * Runs Python code beside the programs for machines and gives back what it leaves in `result`.
 * @param given what the code finds as `given`; it travels as JSON, as the result does
 */
export function python<T>(code: string, given: unknown = null): T {
  const script = [
    "import json, sys, types",
    // Machines have it in Patroni's environment; what is tested here needs its name only.
    'sys.modules["psycopg2"] = types.SimpleNamespace(Error=OSError)',
    "given = json.load(sys.stdin)",
    code,
    "print(json.dumps(result))",
  ].join("\n");
  const { status, stdout, stderr, error } = spawnSync("python3", ["-B", "-c", script], {
    input: JSON.stringify(given),
    encoding: "utf8",
    env: { PATH: process.env.PATH, PYTHONPATH: pythonPath },
    timeout: 25_000,
  });
  if (error) throw error;
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as T;
}
