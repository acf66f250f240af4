import { askPatroni, patroniCurl, superuserPsql, superuserSql } from "../../ask";
import {
  databaseNodes,
  eventually,
  forEach,
  on,
  ownState,
  reached,
  sameMembers,
  theLeader,
  theReplicas,
} from "../context";

describe("Patroni cluster", () => {
  it("has every member", () =>
    eventually(async () => {
      const { members } = await askPatroni(reached());
      const names = databaseNodes().map(({ name }) => name);
      sameMembers(
        members.map(({ name }) => name),
        names,
        "members",
      );
      // A member that is gone stays on the list for a while; its own answer shows that it is there.
      await forEach(databaseNodes(), async (node) => void (await ownState(node)));
    }));

  it("has exactly one leader", () =>
    eventually(async () => {
      const { name } = await theLeader();
      const { members } = await askPatroni(reached());
      sameMembers(
        members.filter(({ role }) => role === "leader").map((member) => member.name),
        [name],
        "leaders in etcd",
      );
    }));

  it("has every other member as a streaming replica on the leader's timeline", () =>
    eventually(async () => {
      const { timeline } = await ownState(await theLeader());
      await forEach(await theReplicas(), async (node) => {
        const own = await ownState(node);
        if (own.state !== "running" || own.replication_state !== "streaming") {
          throw new Error(`is ${own.state}, replication ${own.replication_state ?? "not running"}`);
        }
        if (own.timeline !== timeline) throw new Error(`is on timeline ${own.timeline}, the leader on ${timeline}`);
      });
    }));

  it("has replicas with a lag of 0 bytes", async () => {
    const leader = await theLeader();
    // A mark in the log that every replica must reach: under load, too, that takes moments; a paused one never does. It waits
    // for no standby: how those are is what is being asked.
    const mark = await on(
      leader.name,
      `${superuserPsql} -c 'SET synchronous_commit = local' -c "SELECT pg_logical_emit_message(true, 'pgha', 'validate')" ` +
        "-c 'SELECT pg_current_wal_flush_lsn()' | tail -n 1",
    );
    const behind = `SELECT application_name || ' is ' || pg_wal_lsn_diff('${mark}', replay_lsn) || ' bytes behind'
      FROM pg_stat_replication WHERE state <> 'backup' AND (replay_lsn < '${mark}' OR replay_lsn IS NULL) ORDER BY 1`;
    await eventually(async () => {
      const count = Number(await on(leader.name, superuserSql("SELECT count(*) FROM pg_stat_replication")));
      if (count === 0) throw new Error("no replica is connected to the leader");
      const lines = await on(leader.name, superuserSql(behind));
      if (lines) throw new Error(lines.split("\n").join("; "));
    });
  });
});

describe("REST API", () => {
  const caOnly = "--cacert /etc/pgha/tls/ca.crt --max-time 2";

  it("every node answers over TLS, and in plaintext not at all", () =>
    eventually(() =>
      forEach(databaseNodes(), async ({ name, address }) => {
        const at = `${address}:8008/health`;
        const code = await on(name, `curl -s -o /dev/null -w '%{http_code}' ${caOnly} https://${at} || true`);
        if (code !== "200") throw new Error(code === "000" ? "does not answer" : `answers ${code}`);
        const plain = await on(name, `curl -s -o /dev/null -w '%{http_code}' --max-time 2 http://${at} || true`);
        if (plain !== "000") throw new Error(`answers ${plain} in plaintext`);
      }),
    ));

  it("refuses what changes something without a client certificate", async () => {
    // Each would do no harm if it were let through.
    const unsafe = ["-X PATCH -d '{}' %/config", "-X POST %/reload", "-X DELETE %/switchover"];
    let answered = 0;
    await forEach(databaseNodes(), async (node) => {
      const url = `https://${node.address}:8008`;
      const requests = unsafe.map(
        (request) => `curl -s -o /dev/null -w '%{http_code} ' ${caOnly} ${request.replace("%", url)} || true`,
      );
      const script = [
        `${patroniCurl(node, "/health", "-o /dev/null --max-time 2")} 2>/dev/null || exit 0`,
        ...requests,
      ].join("\n");
      // A node that does not answer at all is the other check's affair.
      const { stdout, unreachable } = await reached().runner.run(node.name, script, { timeout: 9000 });
      if (unreachable || stdout === "") return;
      answered++;
      if (!/^(403 )+$/.test(stdout))
        throw new Error(`answers ${stdout.trim()} to changes without a certificate; expected 403 each`);
    });
    if (answered === 0) throw new Error("no node answers");
  });
});
