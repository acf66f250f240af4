import { z } from "zod";
import { count, told } from "./types";

export const haproxy = z
  .strictObject({
    maxReplicaLag: count(1, 1_048_576)
      .default(16)
      .meta(told("a replica further behind than this many MiB of WAL gets no reads.")),
  })
  .prefault({});
