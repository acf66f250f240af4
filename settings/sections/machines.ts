import { z } from "zod";
import { count, instanceType, restarts, told } from "./types";

/** The machines of a role. @param least MiB of memory that its daemons need */
const machine = (least: number, memory: number, disk: number) =>
  z
    .strictObject({
      cpus: count(1, 256).default(1).meta(told("virtual CPUs of each `etcd`, `postgresql`, `haproxy` machine.")),
      memory: count(least, 16_777_216)
        .default(memory)
        .meta(
          told(
            "memory in MiB. PostgreSQL's memory parameters are derived from it (`cloud-init/services/patroni/memory.ts`).",
            {
              change: `on database machines ${restarts}`,
            },
          ),
        ),
      disk: count(2, 65_536).default(disk).meta(told("root disk in GiB. Grows; never shrinks.")),
      type: instanceType
        .optional()
        .meta(
          told(
            "EC2 instance type, x86-64. Needed with driver `aws`, where `cpus` and `memory` must be what the type has; " +
              "refused with `incus`.",
            { example: "m7i.large", cost: "by the hour: [costs.md](costs.md)" },
          ),
        ),
    })
    .prefault({});

/** The size of each role's machines. */
export const machines = z
  .strictObject({ etcd: machine(192, 256, 4), postgresql: machine(512, 1024, 20), haproxy: machine(192, 256, 4) })
  .prefault({});
