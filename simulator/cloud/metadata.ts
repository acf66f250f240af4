/** The instance metadata service, version 2 only: what a machine asks at 169.254.169.254 to learn who it is. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** A machine as its metadata says it is. */
export interface Identity {
  instanceId: string;
  region: string;
  zone: string;
  address: string;
  /** Name of its role; undefined when it has no instance profile. */
  role?: string;
}

/** What a machine signs its calls with. */
export interface Credentials {
  accessKey: string;
  secretKey: string;
  token: string;
}

export class MetadataService {
  port = 0;
  private readonly tokens = new Map<string, string>();
  private readonly given = new Map<string, { of: Identity; credentials: Credentials }>();
  private readonly server = createServer((request, response) => {
    this.answer(request).then(
      ({ status, body }) => response.writeHead(status, { "content-type": "text/plain" }).end(body),
      (error: Error) => response.writeHead(500).end(error.message),
    );
  });

  /** @param who the machine with that address; undefined when there is none */
  constructor(private readonly who: (address: string) => Promise<Identity | undefined>) {}

  /** Listens on a free port of 127.0.0.1, to which the bridge leads the machines. */
  async start(): Promise<void> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
    this.port = (this.server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  /** Whose credentials these are, with the rest of them. */
  holder(accessKey: string): { of: Identity; credentials: Credentials } | undefined {
    return this.given.get(accessKey);
  }

  private async answer(request: IncomingMessage): Promise<{ status: number; body: string }> {
    const address = request.socket.remoteAddress ?? "";
    const identity = await this.who(address);
    if (!identity) return { status: 404, body: `no machine has the address ${address}` };
    const header = (name: string) => String(request.headers[name] ?? "");
    if (request.method === "PUT" && request.url === "/latest/api/token") {
      if (!header("x-aws-ec2-metadata-token-ttl-seconds")) return { status: 400, body: "" };
      const token = randomBytes(24).toString("base64");
      this.tokens.set(token, address);
      return { status: 200, body: token };
    }
    // A token is good on the machine that asked for it, and without one nothing is said.
    if (this.tokens.get(header("x-aws-ec2-metadata-token")) !== address) return { status: 401, body: "" };
    const body = request.method === "GET" ? this.item(request.url ?? "", identity) : undefined;
    return body === undefined ? { status: 404, body: "" } : { status: 200, body };
  }

  private item(path: string, identity: Identity): string | undefined {
    const { instanceId, region, zone, address, role } = identity;
    const items: Record<string, string | undefined> = {
      "/latest/meta-data/instance-id": instanceId,
      "/latest/meta-data/local-ipv4": address,
      "/latest/meta-data/placement/region": region,
      "/latest/meta-data/placement/availability-zone": zone,
      "/latest/meta-data/iam/security-credentials/": role,
    };
    if (role !== undefined && path === `/latest/meta-data/iam/security-credentials/${role}`) {
      return JSON.stringify(this.credentials(identity));
    }
    return Object.hasOwn(items, path) ? items[path] : undefined;
  }

  private credentials(of: Identity) {
    const hex = (bytes: number) => randomBytes(bytes).toString("hex");
    const credentials = { accessKey: `ASIA${hex(8).toUpperCase()}`, secretKey: hex(20), token: hex(32) };
    this.given.set(credentials.accessKey, { of, credentials });
    const now = Date.now();
    return {
      Code: "Success",
      Type: "AWS-HMAC",
      LastUpdated: new Date(now).toISOString(),
      Expiration: new Date(now + 6 * 3_600_000).toISOString(),
      AccessKeyId: credentials.accessKey,
      SecretAccessKey: credentials.secretKey,
      Token: credentials.token,
    };
  }
}
