// Session channels with environment variables whose refusal is noticed: ssh2's own exec() never asks for the answer.
// This is below ssh2's public interface, so ssh2 is pinned in package.json.
import type { Client, ClientChannel } from "ssh2";

interface Protocol {
  session(channel: number, window: number, packetSize: number): void;
  env(channel: number, key: string, value: string, wantReply: boolean): void;
  exec(channel: number, command: string, wantReply: boolean): void;
}

type Opened = { (error: Error | undefined, channel: ClientChannel): void; type: string };

interface Internals {
  _chanMgr: { add(opened: Opened): number };
  _protocol: Protocol;
}

interface ChannelInternals {
  _callbacks: ((refused: boolean | Error) => void)[];
  outgoing: { id: number };
}

const internals = (client: Client): Internals => client as unknown as Internals;

// The sizes that lib/Channel.js of ssh2 counts on.
const MAX_WINDOW = 2 * 1024 * 1024;
const PACKET_SIZE = 32 * 1024;

export function openSession(client: Client): Promise<ClientChannel> {
  return new Promise((resolve, reject) => {
    const opened: Opened = Object.assign(
      (error: Error | undefined, channel: ClientChannel) => (error ? reject(error) : resolve(channel)),
      { type: "session" },
    );
    client.setMaxListeners(0); // every pending request listens for the end of the connection
    client.once("close", () => reject(new Error("ssh: connection closed")));
    internals(client)._protocol.session(internals(client)._chanMgr.add(opened), MAX_WINDOW, PACKET_SIZE);
  });
}

/** Sends a request on a channel and resolves to whether the server granted it. */
export function request(
  client: Client,
  channel: ClientChannel,
  send: (protocol: Protocol, id: number) => void,
): Promise<boolean> {
  const { _callbacks, outgoing } = channel as unknown as ChannelInternals;
  return new Promise((resolve) => {
    _callbacks.push((refused) => resolve(!refused));
    client.once("close", () => resolve(false));
    send(internals(client)._protocol, outgoing.id);
  });
}
