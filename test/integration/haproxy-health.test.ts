/**
 * What HAProxy tells a load balancer in front of it (`cloud-init/services/haproxy/health.ts`): the rendered configuration of a proxy on AWS
 * in the machine image, with the real PgBouncer, before Patronis and PostgreSQLs that are played. Needs what `npm run setup` makes.
 */
import assert from "node:assert/strict";
import { pgbouncerFiles } from "../../cloud-init/services/pgbouncer/files";
import { planOnAws } from "../unit/support/settings";
import { HaproxyStage, onLoopback } from "./support/haproxy-stage";
import { until } from "../../simulator/stack";

const plan = onLoopback(planOnAws());

describe("a proxy's answers to a load balancer", function () {
  this.timeout(60_000);
  const stage = new HaproxyStage("pgha-health-test", plan, pgbouncerFiles(plan, plan.haproxy[0]!));
  const [one, ...others] = plan.postgresql.map(({ name }) => name);
  const { run } = stage;

  /** Status of each path, "200 200 200 200" for write, read, pooled and pooledRead. */
  const answers = () =>
    run(
      "for path in write read pooled pooledRead; do curl -s -o /dev/null -w '%{http_code}\\n' http://127.0.0.1:8010/$path || true; done | xargs",
    );
  async function becomes(expected: string): Promise<void> {
    let found = "";
    await until(
      `${expected} for write, read, pooled and pooledRead`,
      10,
      async () => (found = await answers()) === expected,
    ).catch((error: Error) => assert.fail(`${error.message}; answers ${found}`));
  }
  const leads = (name: string) => stage.do("says", name, 200, { state: "running", role: "primary", timeline: 1 });
  const follows = (name: string) => stage.do("says", name, 503, { state: "running", role: "replica", timeline: 1 });
  const ends = (name: string) => stage.do("says", name, 503, { state: "stopped", role: "primary" });

  before(async () => {
    await stage.start();
    await run(
      "chown postgres /etc/pgbouncer/* && chmod 644 /etc/pgha/tls/node.key && systemctl start pgbouncer pgbouncer-read",
    );
    await Promise.all(others.map(follows));
    await leads(one!);
    await run("systemctl start haproxy");
  });
  after(() => stage.remove());
  beforeEach(async () => {
    await Promise.all([leads(one!), ...others.map(follows)]);
    await run("systemctl start pgbouncer pgbouncer-read");
    await becomes("200 200 200 200");
  });

  it("are no while nobody leads, but for reads", async () => {
    await follows(one!);
    await becomes("503 200 503 200");
  });

  it("are no when PostgreSQL of the leader is gone", async () => {
    await stage.do("postgresql_is", one, "down");
    await becomes("503 200 503 200");
    await stage.do("postgresql_is", one, "up");
  });

  it("are yes for reads as long as somebody leads", async () => {
    for (const name of others) await stage.do("postgresql_is", name, "down");
    await becomes("200 200 200 200");
    await ends(one!);
    await becomes("503 503 503 503");
    for (const name of others) await stage.do("postgresql_is", name, "up");
  });

  it("are no for pooled connections only, when PgBouncer has stopped or is frozen", async () => {
    await run("systemctl stop pgbouncer pgbouncer-read");
    await becomes("200 200 503 503");
    await run("systemctl start pgbouncer pgbouncer-read");
    await becomes("200 200 200 200");
    await run("systemctl kill -s STOP pgbouncer pgbouncer-read");
    await becomes("200 200 503 503");
    await run("systemctl kill -s CONT pgbouncer pgbouncer-read");
    await becomes("200 200 200 200");
  });

  it("are no for a path that is none", async () => {
    assert.equal(await run("curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1:8010/"), "503");
  });

  it("leave PgBouncer's journal quiet", async () => {
    assert.doesNotMatch(
      await run("journalctl -u pgbouncer -u pgbouncer-read -o cat"),
      /unexpected eof|closing because|WARNING/i,
    );
  });
});
