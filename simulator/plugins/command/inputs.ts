// The `connection` of a remote command.
import type { Properties, Property } from "../lib/plugin";

export interface Host {
  host: string;
  port: number;
  user: string;
  password?: string;
  privateKey?: string;
  privateKeyPassword?: string;
  agentSocketPath?: string;
  /** Failed dials that are borne; -1: any number. */
  dialErrorLimit: number;
  /** Seconds for the TCP connection; 0: no limit. Here also for the handshake, which the real plugin waits for forever. */
  perDialTimeout: number;
  /** A public key in authorized_keys format; without it any host key is taken. */
  hostKey?: string;
}

export interface Connection extends Host {
  proxy?: Host;
}

const text = { type: "string" } as const;

const hostFields: Properties = {
  host: { type: "string", required: true },
  port: { type: "integer", default: 22 },
  user: { type: "string", default: "root" },
  password: text,
  privateKey: text,
  privateKeyPassword: text,
  agentSocketPath: text,
  dialErrorLimit: { type: "integer", default: 10 },
  perDialTimeout: { type: "integer", default: 15 },
  hostKey: text,
};

export const connectionInput: Property = {
  type: "object",
  required: true,
  secret: true,
  fields: { ...hostFields, proxy: { type: "object", fields: hostFields } },
};
