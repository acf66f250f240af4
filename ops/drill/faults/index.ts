import { OpsError } from "../../errors";
import { clockFaults } from "./clock";
import { combinedFaults } from "./combined";
import { diskFaults } from "./disk";
import { etcdFaults } from "./etcd";
import type { Fault } from "./fault";
import { machineFaults } from "./machines";
import { networkFaults } from "./network";
import { processFaults } from "./processes";
import { proxyFaults } from "./proxies";
import { settingsFaults } from "./settings";

export type { Fault, Injected } from "./fault";

/** Every fault that a drill can inject. */
export const faults: Fault[] = [
  ...processFaults,
  ...settingsFaults,
  ...machineFaults,
  ...proxyFaults,
  ...networkFaults,
  ...etcdFaults,
  ...diskFaults,
  ...clockFaults,
  ...combinedFaults,
];

/** The fault of that name. @throws OpsError when there is none */
export function faultNamed(name: string): Fault {
  const fault = faults.find((candidate) => candidate.name === name);
  if (!fault) throw new OpsError(`there is no such fault: ${name}; \`pgha drill --list\` shows them`);
  return fault;
}
