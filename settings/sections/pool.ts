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
    resetAlways: z
      .boolean()
      .default(true)
      .meta(
        told(
          "whether PgBouncer clears a connection (`DISCARD ALL`) after each transaction (`server_reset_query_always`). `false`: reads of " +
            "a fraction of a millisecond are up to three times as many, and what a client leaves in a session reaches others, a prepared " +
            "statement that no longer fits its table, too.",
        ),
      ),
    preparedStatements: count(0, 10_000)
      .default(200)
      .meta(told("prepared statements PgBouncer follows per connection (`max_prepared_statements`). 0: none.")),
  })
  .prefault({});
