import { eventually, forEach } from "../context";
import { clientConfig, open, proxies, using, type Use } from "./sql";

/** Connects over TLS through every proxy and asks the server what it is. */
const through = (use: Use, recovering: boolean) =>
  eventually(() =>
    forEach(proxies(), async (proxy) => {
      const { rows } = await using(await open(clientConfig({ who: "app", use, proxy })), (client) =>
        client.query(
          // All names in full: the owner of the database may have functions of the same names, and have them found first.
          "SELECT pg_catalog.pg_is_in_recovery() AS recovering, ssl AS tls " +
            "FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())",
        ),
      );
      if (rows[0].recovering !== recovering)
        throw new Error(`leads to ${recovering ? "the leader" : "a server in recovery"}`);
      if (rows[0].tls !== true) throw new Error("the server's side of the connection is not encrypted");
    }),
  );

describe("database connectivity", () => {
  it("the write port leads to the leader, over TLS", () => through("write", false));
  it("the read port leads to a replica, over TLS", () => through("read", true));
  it("the pooled port leads to the leader, over TLS", () => through("pooled", false));
});
