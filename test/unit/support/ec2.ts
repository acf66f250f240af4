import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** An answer of EC2: what is in its XML, or an error by its code. */
export type Ec2Answer = string | { error: string; message: string };

/** The answer to DescribeInstances about one machine. */
export const machineIs = (state: string): Ec2Answer =>
  `<reservationSet><item><instancesSet><item><instanceState><name>${state}</name></instanceState></item></instancesSet></item></reservationSet>`;

/** Parameters of a request, as EC2's query protocol has them: `Filter.1.Name`, ... */
export type Ec2Question = Record<string, string>;

/**
 * A stand-in for EC2 that the AWS SDK talks to over HTTP, with credentials of its own in the environment. A question it has no
 * answer to fails the test.
 */
export class FakeEc2 {
  readonly asked: Ec2Question[] = [];
  private readonly server: Server;
  private readonly before = new Map<string, string | undefined>();

  constructor(answer: (question: Ec2Question) => Ec2Answer) {
    this.server = createServer((request, response) => {
      let body = "";
      request.setEncoding("utf8").on("data", (text: string) => (body += text));
      request.on("end", () => {
        const question = Object.fromEntries(new URLSearchParams(body));
        this.asked.push(question);
        const said = answer(question);
        const failed = typeof said !== "string";
        response.writeHead(failed ? 400 : 200, { "content-type": "text/xml" });
        response.end(
          failed
            ? `<Response><Errors><Error><Code>${said.error}</Code><Message>${said.message}</Message></Error></Errors></Response>`
            : `<${question.Action}Response>${said}</${question.Action}Response>`,
        );
      });
    });
  }

  /** Names of the actions that were asked for, in order. */
  get actions(): string[] {
    return this.asked.map(({ Action }) => Action!);
  }

  async start(): Promise<this> {
    await new Promise<void>((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.set("AWS_ENDPOINT_URL", `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`);
    this.set("AWS_ACCESS_KEY_ID", "test");
    this.set("AWS_SECRET_ACCESS_KEY", "test");
    return this;
  }

  /** Sets a variable of the environment until `stop`. */
  set(name: string, value: string | undefined): void {
    if (!this.before.has(name)) this.before.set(name, process.env[name]);
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  }

  async stop(): Promise<void> {
    for (const [name, value] of this.before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
