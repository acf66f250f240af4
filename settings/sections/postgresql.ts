import { z } from "zod";
import { count, parameterValues, restarts, told } from "./types";

export const postgresql = z
  .strictObject({
    maxConnections: count(20, 10_000)
      .default(200)
      .meta(told("PostgreSQL's `max_connections`.", { change: restarts })),
    synchronous: z
      .enum(["quorum", "off"])
      .default("quorum")
      .meta(
        told(
          "`quorum`: a commit is acknowledged once a standby has it on disk. `off`: asynchronous; a failover may lose commits.",
        ),
      ),
    strict: z
      .boolean()
      .default(true)
      .meta(told("refuse writes rather than run without a synchronous standby (`synchronous_mode_strict`).")),
    parameters: parameterValues
      .default({})
      .meta(
        told(
          "further parameters of `postgresql.conf`, by their own names; they win over the derived ones. Names, units, ranges, " +
            "words, time zones and libraries are checked against a catalogue of PostgreSQL 17, before anything is declared: " +
            "[Parameters](parameters.md). Those that Patroni or this project sets are refused; `wal_level: logical` is not.",
          { example: "{work_mem: 16MB}", change: `and PostgreSQL takes it up at its start only, ${restarts}` },
        ),
      ),
  })
  .prefault({});
