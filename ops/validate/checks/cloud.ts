import { nodesOf } from "../../cluster";
import { cluster, databaseNodes, eventually, forEach, on } from "../context";

describe("machines in the cloud", () => {
  before(function () {
    if (cluster().facts.driver !== "aws") this.skip();
  });

  it("every proxy tells the load balancer that it serves writes, reads and pooled connections", () =>
    eventually(() =>
      forEach(nodesOf(cluster(), "haproxy"), async ({ name }) => {
        const ask = "curl -s -o /dev/null -w '%{http_code} ' --max-time 2 http://127.0.0.1:8010";
        const codes = await on(
          name,
          ["write", "read", "pooled", "pooledRead"].map((path) => `${ask}/${path} || true`).join("\n"),
        );
        if (codes !== "200 200 200 200")
          throw new Error(`answers ${codes} for write, read, pooled and pooledRead; expected 200 each`);
      }),
    ));

  it("the data of every database node is on a volume of its own", () =>
    forEach(databaseNodes(), async ({ name }) => {
      const volume = await on(name, "cat /etc/pgha/volume; mountpoint -q /var/lib/postgresql || echo none");
      if (!/^vol-[0-9a-f]+$/.test(volume)) throw new Error("/var/lib/postgresql is not mounted from a volume");
    }));
});
