/** The door of the rehearsal's AWS: calls go on to moto, and those that mean something beyond it are handled on the way. */
import { once } from "node:events";
import { createServer, request as send, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** A call of AWS' interfaces, as it came in. */
export interface Call {
  /** "ec2", "ssm", ...: what the request is signed for. */
  service: string;
  /** "RunInstances", ... */
  action: string;
  /** Of the services with a query interface (EC2, ELB, IAM); else empty. */
  params: URLSearchParams;
  /** Whom the request says it is from. */
  accessKey: string;
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Reply {
  status: number;
  headers: Record<string, string>;
  body: string;
}

/** @param forward lets the next layer answer the call, moto at last, with other parameters where some are given */
export type Handler = (call: Call, forward: (params?: URLSearchParams) => Promise<Reply>) => Promise<Reply>;

/** Handlers by "service:Action"; "*" is for all others. */
export type Layer = Record<string, Handler>;

/** An error as AWS words it. */
export class AwsError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly status = 400,
  ) {
    super(message);
  }
}

const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** An answer in XML, as EC2 gives it. */
export const xml = (root: string, content: string): Reply => ({
  status: 200,
  headers: { "content-type": "text/xml" },
  body: `<${root} xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>rehearsal</requestId>${content}</${root}>`,
});

function refusal(service: string, { code, message, status }: AwsError): Reply {
  const type = service === "ssm" ? "application/x-amz-json-1.1" : "text/xml";
  const error = `<Error><Code>${code}</Code><Message>${escape(message)}</Message></Error>`;
  const body = {
    ssm: JSON.stringify({ __type: code, message }),
    ec2: `<Response><Errors>${error}</Errors><RequestID>rehearsal</RequestID></Response>`,
  }[service];
  return {
    status,
    headers: { "content-type": type },
    body: body ?? `<ErrorResponse>${error}<RequestId>rehearsal</RequestId></ErrorResponse>`,
  };
}

export interface Front {
  port: number;
  stop(): Promise<void>;
}

/**
 * Opens the door on a free port of 127.0.0.1.
 * @param moto URL of moto
 * @param layers the first is the first to see a call; what none handles is moto's
 */
export async function openFront(moto: string, layers: Layer[]): Promise<Front> {
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      const call = read(incoming.method!, incoming.url!, incoming.headers, Buffer.concat(chunks));
      void answer(moto, call, layers)
        .catch((error: Error) =>
          refusal(
            call.service,
            error instanceof AwsError
              ? error
              : new AwsError("InternalFailure", `${call.action}: ${error.message}`, 500),
          ),
        )
        .then(({ status, headers, body }) => outgoing.writeHead(status, headers).end(body));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function read(method: string, path: string, headers: IncomingHttpHeaders, body: Buffer): Call {
  const [, accessKey = "", service = ""] =
    /Credential=([^/]+)\/\d+\/[^/]+\/([^/]+)\/aws4_request/.exec(headers.authorization ?? "") ?? [];
  const form = /^application\/x-www-form-urlencoded/.test(headers["content-type"] ?? "");
  const params = new URLSearchParams(form ? body.toString() : "");
  const target = String(headers["x-amz-target"] ?? "").split(".")[1];
  return { service, action: target ?? params.get("Action") ?? "", params, accessKey, method, path, headers, body };
}

function answer(moto: string, call: Call, [layer, ...rest]: Layer[]): Promise<Reply> {
  if (!layer) return pass(moto, call);
  const handler = layer[`${call.service}:${call.action}`] ?? layer["*"];
  const forward = (params?: URLSearchParams) =>
    answer(moto, params ? { ...call, params, body: Buffer.from(params.toString()) } : call, rest);
  return handler ? handler(call, forward) : forward();
}

function pass(moto: string, { method, path, headers, body }: Call): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = send(
      new URL(path, moto),
      { method, headers: { ...headers, "content-length": body.length } },
      (answer) => {
        const chunks: Buffer[] = [];
        answer.on("data", (chunk: Buffer) => chunks.push(chunk));
        answer.on("error", reject);
        answer.on("end", () => {
          const kept = Object.entries(answer.headers).filter(
            ([name]) => !["content-length", "transfer-encoding", "connection"].includes(name),
          );
          const flat = Object.fromEntries(kept.map(([name, value]) => [name, String(value)]));
          resolve({ status: answer.statusCode ?? 500, headers: flat, body: Buffer.concat(chunks).toString() });
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}
