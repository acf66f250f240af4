import { z } from "zod";
import { count, told } from "./types";

export const pool = z
  .strictObject({
    maxClients: count(1, 100_000).default(1000).meta(told("client connections of one PgBouncer process.")),
    size: count(1, 5000)
      .default(50)
      .meta(
        told(
          "server connections of one PgBouncer (`default_pool_size`, `max_db_connections`). `pool.size` times the proxies must " +
            "fit into `maxConnections` less 10, and less 3 for each proxy. With several cores (`machines.haproxy.cpus`) a proxy has a " +
            "PgBouncer process for each, with 2 connections more to look passwords up, and they share these.",
        ),
      ),
    readSize: count(1, 5000)
      .optional()
      .meta(told("the same for the pooled read port, to the replicas.", { otherwise: "as `pool.size`" })),
    mode: z
      .enum(["transaction", "session"])
      .default("transaction")
      .meta(told("PgBouncer's `pool_mode`: `transaction` or `session`.")),
    preparedStatements: count(0, 10_000)
      .default(200)
      .meta(told("prepared statements PgBouncer follows per connection (`max_prepared_statements`). 0: none.")),
  })
  .prefault({});
