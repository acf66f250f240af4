import { z } from "zod";
import { mostNodes } from "../roles";
import { count, told } from "./types";

const cost = "a machine each";

export const nodes = z
  .strictObject({
    etcd: count(1, mostNodes.etcd).default(3).meta(told("members of etcd. Odd.", { cost })),
    postgresql: count(2, mostNodes.postgresql)
      .default(3)
      .meta(
        told("database nodes, 2 or more. With 2, the loss of one stops writes until it is back (see below).", { cost }),
      ),
    haproxy: count(1, mostNodes.haproxy)
      .default(2)
      .meta(told("proxies, 1 or more, each with HAProxy and PgBouncer.", { cost })),
  })
  .prefault({});
