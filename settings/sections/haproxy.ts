import { z } from "zod";
import { count, told } from "./types";

export const haproxy = z
  .strictObject({
    maxReplicaLag: count(1, 1_048_576)
      .default(16)
      .meta(told("a replica further behind than this many MiB of WAL gets no reads.")),
    // HAProxy's longest time is 24.8 days.
    hardStopAfter: count(1, 24 * 1440)
      .default(1440)
      .meta(
        told(
          "a reload of HAProxy cuts nobody: the worker that it replaces goes on with its sessions, this many minutes at most. Then " +
            "those that are left are cut (`hard-stop-after`).",
        ),
      ),
  })
  .prefault({});
