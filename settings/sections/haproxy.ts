import { z } from "zod";
import { count, told } from "./types";

export const haproxy = z
  .strictObject({
    maxReplicaLag: count(1, 1_048_576)
      .default(16)
      .meta(told("a replica further behind than this many MiB of WAL gets no new reads; sessions that it has go on.")),
    readAffinity: z
      .enum(["client", "none"])
      .default("client")
      .meta(
        told(
          "who shares a replica on the port for reads. `client`: all sessions from one address, through every proxy, so that a cancel and the " +
            "workers of `pg_dump -j` reach the replica of their session; clients that all come by one address, as on `dev`, then all " +
            "read from one replica. `none`: each session goes where there are fewest; a cancel mostly reaches another replica and " +
            "does nothing there, and `pg_dump -j` fails.",
        ),
      ),
    // HAProxy's longest time is 24.8 days.
    hardStopAfter: count(1, 24 * 1440)
      .default(1440)
      .meta(
        told(
          "minutes that an old worker of HAProxy, one that a reload has replaced, goes on with its sessions; then those that are left " +
            "are cut (`hard-stop-after`). Earlier, the eleventh reload after its own ends it on a proxy of 256 MiB; 25 MiB more " +
            "allow one more, up to 30.",
        ),
      ),
  })
  .prefault({});
