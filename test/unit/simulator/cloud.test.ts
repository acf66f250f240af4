/** The rehearsal's AWS, without machines: who a machine is, what it may read, and where clients are led. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { connect, createServer as listen, type AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { checkoutRoot } from "../../../ops/env";
import { Balancer } from "../../../simulator/cloud/balancer";
import { openFront, type Front } from "../../../simulator/cloud/front";
import { MetadataService } from "../../../simulator/cloud/metadata";
import { getParameter } from "../../../simulator/cloud/rights";
import { AwsStage, region } from "../support/aws";
import { policy } from "../support/aws-everything";

describe("the rehearsal's AWS", function () {
  this.timeout(60_000);
  let stage: AwsStage;
  let metadata: MetadataService;
  let front: Front;
  let present = true;

  before(async () => {
    stage = await AwsStage.open();
    const role = "etcd1";
    metadata = new MetadataService(async (address) =>
      present ? { instanceId: "i-1", region, zone: "us-east-1a", address, role } : undefined,
    );
    await metadata.start();
    front = await openFront(stage.url, [{ "ssm:GetParameter": getParameter(stage.clients, metadata) }]);
    const { iam, ssm } = stage.clients;
    for (const name of ["/pgha/etcd1", "/pgha/etcd2"]) {
      await ssm.putParameter({ Name: name, Type: "SecureString", Value: `key of ${name}` });
    }
    const own = (await ssm.getParameter({ Name: "/pgha/etcd1" })).Parameter!.ARN!;
    await iam.createRole({ RoleName: role, AssumeRolePolicyDocument: "{}" });
    await iam.putRolePolicy({ RoleName: role, PolicyName: "read", PolicyDocument: policy(own) });
  });
  after(async () => {
    await front.stop();
    await metadata.stop();
    await stage.close();
  });

  const ask = (path: string, init: RequestInit = {}) => fetch(`http://127.0.0.1:${metadata.port}${path}`, init);
  const token = async () =>
    (
      await ask("/latest/api/token", { method: "PUT", headers: { "x-aws-ec2-metadata-token-ttl-seconds": "60" } })
    ).text();

  it("tells a machine who it is for a token only", async () => {
    const path = "/latest/meta-data/instance-id";
    assert.equal((await ask(path)).status, 401);
    assert.equal((await ask(path, { headers: { "x-aws-ec2-metadata-token": "made up" } })).status, 401);
    const headers = { "x-aws-ec2-metadata-token": await token() };
    assert.equal(await (await ask(path, { headers })).text(), "i-1");
    assert.equal((await ask("/latest/meta-data/nothing", { headers })).status, 404);
    present = false;
    assert.equal((await ask(path, { headers })).status, 404, "a machine that is gone is nobody");
    present = true;
  });

  /** What the machines' own program reads, with what of it is changed; or why it can't. */
  async function read(name: string, meddle = ""): Promise<string> {
    const script = `
import host_key, sys, urllib.error
host_key.IMDS, region, name, url = sys.argv[1:]
${meddle}
try:
    print(host_key.parameter(region, name, url))
except urllib.error.HTTPError as error:
    print(host_key.reason(error))
`;
    const urls = [`http://127.0.0.1:${metadata.port}/latest`, region, name, `http://127.0.0.1:${front.port}`];
    const env = { PATH: process.env.PATH, PYTHONPATH: join(checkoutRoot, "cloud-init") };
    const { stdout } = await promisify(execFile)("python3", ["-B", "-c", script, ...urls], { env });
    return stdout.trim();
  }

  it("lets a machine read its own parameter and no other, by the program that its user data has", async () => {
    assert.equal(await read("/pgha/etcd1"), "key of /pgha/etcd1");
    assert.match(await read("/pgha/etcd2"), /AccessDeniedException.*role etcd1 is not authorized/);
  });

  it("takes no signature but the right one, and no token but the machine's", async () => {
    const sign = (change: string) => `
real = host_key.credentials
host_key.credentials = lambda: {**real(), ${change}}`;
    assert.match(await read("/pgha/etcd1", sign('"SecretAccessKey": "wrong"')), /InvalidSignatureException/);
    assert.match(await read("/pgha/etcd1", sign('"Token": "wrong"')), /AccessDeniedException.*token/);
    assert.match(await read("/pgha/etcd1", sign('"AccessKeyId": "ASIANOBODY"')), /AccessDeniedException.*nobody/);
  });

  it("leads clients to a proxy that says it serves, and to any when none does", async () => {
    const codes: Record<string, number> = { "127.0.0.2": 503, "127.0.0.3": 200 };
    const servers: { close(): unknown }[] = [];
    const port = await proxies(codes, servers);
    await balancerTo(stage, Object.keys(codes), port);
    const balancer = new Balancer(stage.clients);
    try {
      assert.deepEqual(await balancer.health(5000), codes);
      const local = await balancer.port(5000);
      for (let n = 0; n < 5; n++) assert.equal(await greeting(local), "127.0.0.3");
      codes["127.0.0.3"] = 503;
      assert.match(await greeting(local), /^127\.0\.0\.[23]$/);
      await assert.rejects(balancer.port(5001), /no load balancer listens at 5001/);
      codes["127.0.0.3"] = 200;
      const staying = connect({ host: "127.0.0.1", port: local });
      await once(staying, "data");
      balancer.stop();
      await once(staying, "close");
    } finally {
      balancer.stop();
      for (const server of servers) server.close();
    }
  });
});

/** Servers at these addresses: one port that greets with the address, and one that answers the health check with its code. */
async function proxies(codes: Record<string, number>, servers: { close(): unknown }[]) {
  const started = { traffic: 0, health: 0 };
  const open = async (server: Server | ReturnType<typeof listen>, host: string, port: number) => {
    server.listen(port, host);
    servers.push(server);
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  for (const host of Object.keys(codes)) {
    started.traffic = await open(
      listen((client) => client.on("error", () => client.destroy()).write(host)),
      host,
      started.traffic,
    );
    const health = createServer((request, response) => {
      response.writeHead(request.url === "/write" ? codes[host]! : 404).end();
    });
    started.health = await open(health, host, started.health);
  }
  return started;
}

/** Makes a load balancer with these targets behind port 5000. */
async function balancerTo(
  { clients: { ec2, elb } }: AwsStage,
  hosts: string[],
  port: { traffic: number; health: number },
) {
  const vpc = (await ec2.createVpc({ CidrBlock: "10.94.0.0/22" })).Vpc!.VpcId!;
  const subnet = (await ec2.createSubnet({ VpcId: vpc, CidrBlock: "10.94.0.0/26" })).Subnet!.SubnetId!;
  const [balancer] = (
    await elb.createLoadBalancer({ Name: "b", Type: "network", Scheme: "internal", Subnets: [subnet] })
  ).LoadBalancers!;
  const [group] = (
    await elb.createTargetGroup({
      Name: "t",
      Protocol: "TCP",
      Port: 5000,
      VpcId: vpc,
      TargetType: "ip",
      HealthCheckProtocol: "HTTP",
      HealthCheckPort: String(port.health),
      HealthCheckPath: "/write",
    })
  ).TargetGroups!;
  const TargetGroupArn = group!.TargetGroupArn!;
  await elb.registerTargets({ TargetGroupArn, Targets: hosts.map((Id) => ({ Id, Port: port.traffic })) });
  await elb.createListener({
    LoadBalancerArn: balancer!.LoadBalancerArn,
    Protocol: "TCP",
    Port: 5000,
    DefaultActions: [{ Type: "forward", TargetGroupArn }],
  });
}

/** What a port of this machine says to whoever connects. */
async function greeting(port: number): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port });
  const [data] = (await once(socket, "data")) as [Buffer];
  socket.destroy();
  return data.toString();
}
