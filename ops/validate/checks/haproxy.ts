import { request } from "node:https";
import { isIP } from "node:net";
import type { ProxyOutput } from "../../../components/outputs";
import { parseCsv } from "../../status/csv";
import { cluster, eventually, forEach, sameMembers, theLeader, theReplicas } from "../context";
import { proxies } from "./sql";

/** Asks a proxy's stats page. @param auth `user:password` @default none */
function stats({ host, ports }: ProxyOutput, auth?: string): Promise<{ code: number; body: string }> {
  return new Promise((resolve, reject) => {
    const options = {
      host,
      port: ports.stats,
      path: "/;csv",
      auth,
      ca: cluster().outputs.caCertificate,
      agent: false,
      timeout: 3000,
    };
    const asked = request({ ...options, servername: isIP(host) ? "localhost" : host }, (answer) => {
      let body = "";
      answer.setEncoding("utf8").on("data", (text: string) => (body += text));
      answer.on("end", () => resolve({ code: answer.statusCode ?? 0, body }));
    });
    asked.on("timeout", () => asked.destroy(new Error("no answer within 3 s")));
    asked.on("error", reject);
    asked.end();
  });
}

const password = () => `pgha:${cluster().outputs.statsPassword}`;

async function serversUp(proxy: ProxyOutput, backend: string): Promise<string[]> {
  const { code, body } = await stats(proxy, password());
  if (code !== 200) throw new Error(`the stats page answers ${code}`);
  return parseCsv(body)
    .filter((row) => row.pxname === backend && row.svname !== "BACKEND" && row.status?.startsWith("UP"))
    .map((row) => row.svname!);
}

describe("HAProxy", () => {
  it("shows its stats page with the password only", () =>
    eventually(() =>
      forEach(proxies(), async (proxy) => {
        const attempts = [undefined, "pgha:wrong", password()];
        const codes = await Promise.all(attempts.map(async (auth) => (await stats(proxy, auth)).code));
        if (codes.join() !== "401,401,200") {
          throw new Error(
            `answers ${codes.join(", ")} to no password, a wrong one and the right one; expected 401, 401, 200`,
          );
        }
      }),
    ));

  it("has exactly the leader up for writes", () =>
    eventually(async () => {
      const { name } = await theLeader();
      await forEach(proxies(), async (proxy) =>
        sameMembers(await serversUp(proxy, "primary"), [name], "up for writes"),
      );
    }));

  it("has the replicas up for reads", () =>
    eventually(async () => {
      const names = (await theReplicas()).map(({ name }) => name);
      await forEach(proxies(), async (proxy) => sameMembers(await serversUp(proxy, "replicas"), names, "up for reads"));
    }));
});
