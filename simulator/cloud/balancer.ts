/** The network load balancer: for each listener a port of this machine, which leads to a target that its health checks find well. */
import { once } from "node:events";
import { request } from "node:http";
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Clients } from "./clients";
import { local, proxied } from "./proxy-protocol";

/** A target group as its checks see it. */
interface Group {
  path: string;
  port: number;
  code: string;
  targets: { host: string; port: number }[];
  /** Whether each connection begins with whose it is. */
  named: boolean;
}

interface Listener {
  server: Server;
  local: number;
}

export class Balancer {
  private readonly listeners = new Map<number, Listener>();
  /** Of clients and to targets, open. One whose target's machine is gone would never end by itself. */
  private readonly sockets = new Set<Socket>();

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
      this.keep(client);
      client.on("error", () => client.destroy());
      void this.target(port).then(
        ({ host, port: inside, named }) => {
          const target = connect({ host, port: inside, allowHalfOpen: true });
          this.keep(target);
          const from = { host: client.remoteAddress ?? "0.0.0.0", port: client.remotePort ?? 0 };
          if (named) target.write(proxied(from, { host: "127.0.0.1", port }));
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
    for (const socket of this.sockets) socket.destroy();
  }

  private keep(socket: Socket): void {
    this.sockets.add(socket);
    socket.on("close", () => this.sockets.delete(socket));
  }

  /** A target for one connection: a healthy one, and any where none is (it "fails open"). */
  private async target(port: number): Promise<{ host: string; port: number; named: boolean }> {
    const group = await this.group(port);
    const codes = await this.health(port);
    const well = group.targets.filter(({ host }) => String(codes[host]) === group.code);
    const among = well.length > 0 ? well : group.targets;
    const chosen = among[Math.floor(Math.random() * among.length)];
    if (!chosen) throw new Error(`nothing is behind port ${port}`);
    return { ...chosen, named: group.named };
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
      const { Attributes = [] } = await elb.describeTargetGroupAttributes({ TargetGroupArn });
      return {
        named: Attributes.some(({ Key, Value }) => Key === "proxy_protocol_v2.enabled" && Value === "true"),
        path: HealthCheckPath ?? "/",
        port: Number(HealthCheckPort),
        code: Matcher?.HttpCode ?? "200",
        targets: TargetHealthDescriptions.map(({ Target }) => ({ host: Target!.Id!, port: Target!.Port ?? port })),
      };
    }
    throw new Error(`no load balancer listens at ${port}`);
  }
}

/**
 * Whose answer counts. AWS says that health checks have the header where connections have it, and others have seen some without: so
 * it counts only when both ways are answered alike.
 */
async function check(host: string, group: Group): Promise<number> {
  const [plain, headed] = await Promise.all([ask(host, group), group.named ? ask(host, group, local) : undefined]);
  return headed === undefined || headed === plain ? plain : 0;
}

function ask(host: string, { port, path }: Group, header?: Buffer): Promise<number> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    if (header) socket.write(header);
    const asked = request({ createConnection: () => socket, path, timeout: 5000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    asked.on("timeout", () => asked.destroy());
    asked.on("error", () => resolve(0));
    asked.end();
  });
}
