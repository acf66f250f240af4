/** A stack for AWS, brought up on this machine. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { settingsFromFile } from "../../settings/load";
import { checkoutRoot, stateDir } from "../../ops/env";
import { nodeBoundary } from "../rights/boundary";
import { boundaryOf } from "../rights/deployment";
import { deployerPolicies } from "../rights/files";
import { withMoto } from "../setup/moto";
import { rehearsalHome } from "../setup/plugins";
import { operator } from "../../simulator/cloud/clients";
import { Cloud } from "../../simulator/cloud/cloud";
import { gatewayOf } from "../../simulator/cloud/bridge";
import { account } from "../../simulator/cloud/iam/authorization";
import { services } from "../../simulator/plugins/aws/settings";
import { endpointServes } from "./endpoint";
import { machinesOf } from "../../simulator/machines";
import { TestStack, type RawSettings } from "../../simulator/stack";
import { becomesWhole, complaints, validation } from "../../simulator/validation";

const cidr = "10.94.0.0/22";

/** Sizes that fit a laptop; the numbers are those of the types. */
const machines = {
  etcd: { type: "t3.nano", cpus: 2, memory: 512, disk: 8 },
  postgresql: { type: "t3.medium", cpus: 2, memory: 4096, disk: 8 },
  haproxy: { type: "t3.nano", cpus: 2, memory: 512, disk: 8 },
};

/** A step of a preview that changes something. */
export interface PlannedStep {
  /** "create", "update", "replace", ... */
  op: string;
  /** Name of the resource. */
  name: string;
}

export class Rehearsal {
  private constructor(
    readonly cloud: Cloud,
    readonly stack: TestStack,
  ) {}

  /**
   * Starts a cloud and makes a stack in it, not up yet.
   * @param of the stack whose file is taken: "staging", "prod"
   * @param changes of its settings, beyond those that fit it to this machine
   */
  static async begin(of: string, changes: RawSettings = {}): Promise<Rehearsal> {
    process.env.PULUMI_HOME = rehearsalHome();
    const { settings, providers } = settingsOf(of);
    const region = String(providers["aws:region"]);
    const cloud = await Cloud.start({ moto: withMoto(), folder: join(stateDir, "test", "cloud"), region, cidr });
    try {
      const stack = new TestStack(
        `rehearse-${of}`,
        { ...fitted(settings, cloud), ...changes },
        providerSettings(providers, cloud),
      );
      await stack.init();
      const rehearsal = new Rehearsal(cloud, stack);
      await rehearsal.giveRights();
      return rehearsal;
    } catch (error) {
      await cloud.stop();
      throw error;
    }
  }

  /** What `up` would change now. */
  async plan(...options: string[]): Promise<PlannedStep[]> {
    const text = await this.stack.mustPulumi("preview", "--json", "--non-interactive", ...options);
    const { steps } = JSON.parse(text) as { steps: { op: string; urn: string }[] };
    return steps
      .filter(({ op }) => op !== "same" && op !== "refresh")
      .map(({ op, urn }) => ({ op, name: urn.split("::").at(-1)! }));
  }

  /**
   * Does what an administrator does with what `npm run rights` writes for the stack: makes the boundary of the machines' roles, and
   * holds the operator to the deployer's policies. The ids that go into those later, of the VPC and the zone, are put in as soon as
   * they are there.
   */
  private async giveRights(): Promise<void> {
    const { authorization, aws } = this.cloud;
    const { folder, name: stack } = this.stack;
    const of = () => ({ settings: settingsFromFile(folder, stack), stack, account });
    const PolicyName = boundaryOf(of()).split("/").at(-1)!;
    await aws.iam.createPolicy({ PolicyName, PolicyDocument: JSON.stringify(nodeBoundary(of())) });
    authorization.allowOnly(async () => {
      const { Vpcs = [] } = await aws.ec2.describeVpcs({ Filters: [{ Name: "is-default", Values: ["false"] }] });
      const { HostedZones = [] } = await aws.route53.listHostedZones({});
      const [vpc, zone] = [Vpcs[0]?.VpcId, HostedZones[0]?.Id?.replace("/hostedzone/", "")];
      return deployerPolicies({ ...of(), vpc, zone });
    });
  }

  /** Brings it up. */
  async up(): Promise<void> {
    await this.stack.up();
  }

  /** The cluster works: the validation suite passes, and its endpoint leads where it should. */
  async isWhole(): Promise<void> {
    await becomesWhole(this.stack);
    assert.equal(complaints(await validation(this.stack)), "");
    await endpointServes(this.stack, this.cloud.balancer);
  }

  /** Another `up` finds nothing to do, also when it looks at everything that exists. */
  async staysAsItIs(): Promise<void> {
    await this.stack.up("--refresh", "--expect-no-changes");
  }

  /**
   * Changed settings show in the plan as just these steps, and then nothing is left to do.
   * @param nodes that are found not to be at these settings, and converge
   * @param more "update postgresql1-volume", ...
   */
  async changes(settings: RawSettings, nodes: string[], more: string[] = []): Promise<void> {
    this.stack.set(settings);
    const planned = await this.plan();
    const expected = [...nodes.flatMap((node) => [`update ${node}-state`, `update ${node}-converge`]), ...more];
    assert.deepEqual(planned.map(({ op, name }) => `${op} ${name}`).sort(), expected.sort());
    await this.stack.up();
    assert.deepEqual(await this.plan("--refresh"), []);
  }

  /** A database machine that is recreated has its data: the disk with it is not the machine's. */
  async remakesAMachine(): Promise<void> {
    const kept = "/var/lib/postgresql/kept-by-rehearsal";
    const machines = await machinesOf(this.stack.name);
    const node = await machines.replica();
    await machines.on(node, `touch ${kept}`);
    const urns = await this.stack.mustPulumi("stack", "--show-urns");
    const urn = new RegExp(`urn:\\S+::${node}-instance$`, "m").exec(urns)![0];
    await this.stack.up("--replace", urn);
    await (await machinesOf(this.stack.name)).on(node, `rm ${kept}`);
    await becomesWhole(this.stack);
  }

  /** A protected stack is not destroyed, and is as whole as before. */
  async refusesToBeDestroyed(): Promise<void> {
    const { code, stdout, stderr } = await this.stack.pulumi("destroy", "--yes", "--skip-preview", "--non-interactive");
    assert.notEqual(code, 0, "destroy went through");
    assert.match(stdout + stderr, /protected/);
    assert.deepEqual(await this.plan("--refresh"), []);
  }

  /** Nothing is left of it, neither in AWS nor in Incus; and nothing had to be tried again all its life, for it came too early. */
  async leavesNothing(): Promise<void> {
    await this.stack.mustPulumi("destroy", "--yes", "--skip-preview", "--non-interactive");
    assert.deepEqual(this.cloud.tooEarly, []);
    assert.deepEqual(await this.cloud.leftovers(), []);
    assert.deepEqual(await this.stack.leftovers(), []);
  }

  /** Removes the stack and the cloud, whatever state they are in. */
  async end(): Promise<void> {
    // What is left of the stack goes with the cloud, so nothing is asked of it.
    await this.cloud.stop();
    this.stack.discard();
  }
}

/** Settings of a committed stack, and those of its provider. */
function settingsOf(name: string): { settings: RawSettings; providers: RawSettings } {
  const text = readFileSync(join(checkoutRoot, `Pulumi.${name}.yaml`), "utf8");
  const { config } = parse(text) as { config: RawSettings };
  const ours = Object.entries(config).filter(([key]) => key.startsWith("pgha:"));
  return {
    settings: Object.fromEntries(ours.map(([key, value]) => [key.slice("pgha:".length), value])),
    providers: Object.fromEntries(Object.entries(config).filter(([key]) => key.startsWith("aws:"))),
  };
}

/** The settings with a name, addresses and sizes for this machine. */
function fitted(settings: RawSettings, cloud: Cloud): RawSettings {
  const aws = settings.aws as RawSettings;
  const pool = (settings.pool ?? {}) as { maxClients?: number };
  const volume = { iops: 3000, ...(aws.volume as RawSettings) };
  return {
    ...settings,
    name: "pgha-rehearse",
    network: { cidr },
    machines,
    // As many as let HAProxy stay within the open files that a container may have everywhere.
    pool: { ...pool, maxClients: Math.min(pool.maxClients ?? 1000, 3000) },
    aws: {
      ...aws,
      bastion: { type: "t3.nano", allow: [`${gatewayOf(cidr)}/32`] },
      // As small as AWS allows with this many operations per second.
      volume: { ...volume, size: Math.max(4, Math.ceil(volume.iops / 500)) },
      dns: "pgha.internal",
      permissionsBoundary: `arn:aws:iam::${account}:policy/pgha-rehearse-node-boundary`,
      ssmEndpoint: cloud.insideEndpoint,
    },
  };
}

/** How a provider is told of a cloud that is not AWS; as for any other one with AWS' interfaces. */
const providerSettings = (committed: RawSettings, cloud: Cloud): RawSettings => ({
  ...committed,
  "aws:accessKey": operator.accessKey,
  "aws:secretKey": operator.secretKey,
  "aws:skipCredentialsValidation": true,
  "aws:skipMetadataApiCheck": true,
  "aws:skipRequestingAccountId": true,
  "aws:endpoints": [Object.fromEntries(services.map((name) => [name, cloud.endpoint]))],
});
