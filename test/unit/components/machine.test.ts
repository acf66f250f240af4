import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import * as tls from "@pulumi/tls";
import type { Bastion, Driver } from "../../../components/driver";
import { Machine } from "../../../components/machine";
import { placeholder } from "../support/placeholders";
import { runProgram } from "../support/program";

const key = (name: string) => new tls.PrivateKey(name, { algorithm: "ED25519" });

/** How commands log in to a machine whose driver has this bastion. */
async function connection(bastion?: Bastion): Promise<Record<string, unknown>> {
  const { outputs } = await runProgram(() => {
    const driver: Driver = {
      machine: (name) => ({ resource: key(`${name}-instance`), incarnation: pulumi.output("one") }),
      endpoint: () => undefined,
      bastion,
    };
    const node = { name: "etcd1", role: "etcd", address: "10.100.0.4" } as const;
    const machine = new Machine("etcd1", { node, index: 0, driver, hostKey: key("host"), sshKey: key("operators") });
    return { connection: machine.connection };
  }, {});
  return outputs.connection as Record<string, unknown>;
}

describe("the way to log in to a machine", () => {
  it("is direct where its driver has no bastion, and accepts its host key only", async () => {
    const { privateKey, ...rest } = await connection();
    assert.ok(String(privateKey).includes(placeholder.for("operators")));
    assert.deepEqual(rest, {
      host: "10.100.0.4",
      user: "pgha",
      hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAhost",
      dialErrorLimit: 30,
      perDialTimeout: 5,
    });
  });

  it("is through the bastion where there is one, by its own user, keys and port", async () => {
    const { host, hostKey, dialErrorLimit, proxy } = await connection({
      host: pulumi.output("198.51.100.7"),
      port: 2222,
      user: "ops",
      hostKey: pulumi.output("ssh-ed25519 AAAAbastion\n"),
      privateKey: pulumi.secret(placeholder.for("bastion")),
    });
    assert.deepEqual([host, hostKey], ["10.100.0.4", "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAhost"]);
    assert.equal(dialErrorLimit, 130, "a machine in a cloud is given longer");
    assert.deepEqual(proxy, {
      host: "198.51.100.7",
      port: 2222,
      user: "ops",
      hostKey: "ssh-ed25519 AAAAbastion",
      privateKey: placeholder.for("bastion"),
      dialErrorLimit: 130,
      perDialTimeout: 5,
    });
  });
});
