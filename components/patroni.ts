import type { remote } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { scramVerifier } from "../cloud-init/services/patroni/scram";
import { rightsSql } from "../cloud-init/services/patroni/rights";
import { clusterSql } from "../cloud-init/services/patroni/sql";
import type { NodeMachine } from "./driver";
import { roleNodes, type RoleArgs } from "./nodes";
import type { Password, Passwords } from "./passwords";

export interface PatroniArgs extends RoleArgs {
  passwords: Passwords;
  /** What must exist first, and has Patroni start again when all of it was lost. */
  etcd: { machines: NodeMachine[]; ready: pulumi.Resource[] };
}

/** The database nodes: PostgreSQL run by Patroni, with roles and database as the settings say. */
export class Patroni extends pulumi.ComponentResource {
  readonly machines: NodeMachine[];
  /** Done when every node leads or streams, and has the roles and the database. */
  readonly ready: remote.Command[];

  constructor(name: string, args: PatroniArgs, opts?: pulumi.ComponentResourceOptions) {
    super("pgha:index:Patroni", name, {}, opts);
    const { plan, passwords, etcd } = args;
    const { owner, user, roles } = passwords;
    const sql = pulumi
      .all([verifier(owner), verifier(user), pulumi.all(mapped(roles, verifier))])
      .apply(([ofOwner, ofUser, ofRoles]) => {
        const verifiers = { owner: ofOwner, user: ofUser, roles: ofRoles };
        return [clusterSql(plan, verifiers), rightsSql(plan, verifiers)];
      });
    ({ machines: this.machines, ready: this.ready } = roleNodes(this, args, {
      nodes: plan.postgresql,
      secrets: sql,
      after: etcd.ready,
      also: etcd.machines,
    }));
    this.registerOutputs({ scope: plan.cluster });
  }
}

const verifier = ({ password, salt }: Password): pulumi.Output<string> =>
  pulumi.all([password, salt]).apply(([word, grains]) => scramVerifier(word, Buffer.from(grains, "base64")));

const mapped = <T, R>(record: Record<string, T>, make: (value: T) => R): Record<string, R> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, make(value)]));
