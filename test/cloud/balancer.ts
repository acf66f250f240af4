/** The network load balancer: for each listener a port of this machine, which leads to a target that its health checks find well. */
import { connect, createServer, type AddressInfo, type Server } from "node:net";
import { once } from "node:events";
import type { Clients } from "./clients";

/** A target group as its checks see it. */
interface Group {
  path: string;
  port: number;
  code: string;
  targets: { host: string; port: number }[];
}

interface Listener {
  server: Server;
  local: number;
}

export class Balancer {
  private readonly listeners = new Map<number, Listener>();

  constructor(private readonly aws: Clients) {}

  /**
   * Where on 127.0.0.1 a port of the load balancer is.
   * @throws Error when no load balancer listens there
   */
  async port(port: number): Promise<number> {
    const known = this.listeners.get(port);
    if (known) return known.local;
    await this.group(port);
    const server = createServer({ allowHalfOpen: true }, (client) => {
      client.on("error", () => client.destroy());
      void this.target(port).then(
        ({ host, port: inside }) => {
          const target = connect({ host, port: inside, allowHalfOpen: true });
          target.on("error", () => client.destroy());
          client.on("close", () => target.destroy());
          client.pipe(target).pipe(client);
        },
        () => client.destroy(),
      );
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const local = (server.address() as AddressInfo).port;
    this.listeners.set(port, { server, local });
    return local;
  }

  /** What the targets of a port answer to their health check: HTTP codes by address, 0 for none. */
  async health(port: number): Promise<Record<string, number>> {
    const group = await this.group(port);
    const codes = await Promise.all(group.targets.map(({ host }) => check(host, group)));
    return Object.fromEntries(group.targets.map(({ host }, index) => [host, codes[index]!]));
  }

  stop(): void {
    for (const { server } of this.listeners.values()) server.close();
  }

  /** A target for one connection: a healthy one, and any where none is (it "fails open"). */
  private async target(port: number): Promise<{ host: string; port: number }> {
    const group = await this.group(port);
    const codes = await this.health(port);
    const well = group.targets.filter(({ host }) => String(codes[host]) === group.code);
    const among = well.length > 0 ? well : group.targets;
    const chosen = among[Math.floor(Math.random() * among.length)];
    if (!chosen) throw new Error(`nothing is behind port ${port}`);
    return chosen;
  }

  private async group(port: number): Promise<Group> {
    const { elb } = this.aws;
    const { LoadBalancers = [] } = await elb.describeLoadBalancers({});
    for (const { LoadBalancerArn } of LoadBalancers) {
      const { Listeners = [] } = await elb.describeListeners({ LoadBalancerArn });
      const TargetGroupArn = Listeners.find(({ Port }) => Port === port)?.DefaultActions?.[0]?.TargetGroupArn;
      if (!TargetGroupArn) continue;
      const { TargetGroups } = await elb.describeTargetGroups({ TargetGroupArns: [TargetGroupArn] });
      const { TargetHealthDescriptions = [] } = await elb.describeTargetHealth({ TargetGroupArn });
      const { HealthCheckPath, HealthCheckPort, Matcher } = TargetGroups![0]!;
      return {
        path: HealthCheckPath ?? "/",
        port: Number(HealthCheckPort),
        code: Matcher?.HttpCode ?? "200",
        targets: TargetHealthDescriptions.map(({ Target }) => ({ host: Target!.Id!, port: Target!.Port ?? port })),
      };
    }
    throw new Error(`no load balancer listens at ${port}`);
  }
}

async function check(host: string, { port, path }: Group): Promise<number> {
  const signal = AbortSignal.timeout(5000);
  return fetch(`http://${host}:${port}${path}`, { signal }).then(
    ({ status }) => status,
    () => 0,
  );
}
