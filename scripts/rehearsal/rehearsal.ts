/** A stack for AWS, brought up on this machine. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { settingsFromFile } from "../../settings/load";
import { stateDir } from "../../ops/env";
import { nodeBoundary } from "../rights/boundary";
import { boundaryOf } from "../rights/deployment";
import { deployerPolicies } from "../rights/files";
import { withMoto } from "../setup/moto";
import { rehearsalHome } from "../setup/plugins";
import type { PlannedStep } from "../../policy/one-at-a-time";
import { Cloud } from "../../simulator/cloud/cloud";
import { account } from "../../simulator/cloud/iam/authorization";
import { endpointServes } from "./endpoint";
import { cidr, committed, fitted, providerSettings, type Stack } from "./settings";
import { TestStack, type RawSettings } from "../../simulator/stack";
import { becomesWhole, complaints, validation } from "../../simulator/validation";

/** What a stack has beyond the file it is taken from. */
export interface Shape {
  settings: RawSettings;
  /** The one secret among the settings. */
  bastionKey?: string;
}

/** @param given the file's settings, fitted to this machine */
export type Shaping = (given: RawSettings, cloud: Cloud) => Shape | Promise<Shape>;

/** What a preview calls the two halves of a replacement, beside the replacement itself. */
const halves = ["create-replacement", "delete-replaced"];

const nameIn = (urn: string): string => urn.split("::").at(-1)!;

export class Rehearsal {
  private constructor(
    readonly cloud: Cloud,
    readonly stack: TestStack,
    /** What was there before the stack. */
    private readonly found: string[],
  ) {}

  /**
   * Starts a cloud and makes a stack in it, not up yet.
   * @param of the stack whose file is taken
   * @param shaping changes of its settings, beyond those that fit it to this machine; what they name is made in the cloud by it
   */
  static async begin(of: Stack, shaping: Shaping = () => ({ settings: {} })): Promise<Rehearsal> {
    process.env.PULUMI_HOME = rehearsalHome();
    const { settings, providers } = committed(of);
    const region = String(providers["aws:region"]);
    const cloud = await Cloud.start({ moto: withMoto(), folder: join(stateDir, "test", "cloud"), region, cidr });
    try {
      const given = fitted(settings, cloud);
      const shape = await shaping(given, cloud);
      const found = await cloud.leftovers();
      const all = { ...given, ...shape.settings };
      const stack = new TestStack(`rehearse-${of}`, all, providerSettings(providers, cloud));
      await stack.init();
      if (shape.bastionKey) await stack.setSecret("bastionKey", shape.bastionKey);
      const rehearsal = new Rehearsal(cloud, stack, found);
      await rehearsal.giveRights();
      return rehearsal;
    } catch (error) {
      await cloud.stop();
      throw error;
    }
  }

  /** What `up` would change now, step by step. */
  async steps(...options: string[]): Promise<PlannedStep[]> {
    const text = await this.stack.mustPulumi("preview", "--json", "--non-interactive", ...options);
    const { steps } = JSON.parse(text) as { steps: PlannedStep[] };
    return steps.filter(({ op }) => op !== "same" && op !== "refresh" && op !== "read");
  }

  /** What `up` would change now, "update haproxy1-converge", sorted; a replacement is one step. */
  async plan(...options: string[]): Promise<string[]> {
    const steps = await this.steps(...options);
    return steps
      .filter(({ op }) => !halves.includes(op))
      .map(({ op, urn }) => `${op} ${nameIn(urn)}`)
      .sort();
  }

  /** Of a plan what is done to machines, disks and the load balancer, by names after the cluster's: "replace etcd3-instance". */
  async touched(...options: string[]): Promise<string[]> {
    const plan = await this.plan(...options);
    return plan
      .filter((step) => /-(instance|volume|balancer)$/.test(step))
      .map((step) => step.replace(" pgha-aws-", " "))
      .sort();
  }

  /** The URN of a resource. */
  async urn(name: string): Promise<string> {
    const urns = await this.stack.mustPulumi("stack", "--show-urns");
    const found = new RegExp(`urn:\\S+::${name}$`, "m").exec(urns);
    if (!found) throw new Error(`the stack has no ${name}`);
    return found[0];
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
    const expected = [...nodes.flatMap((node) => [`update ${node}-state`, `update ${node}-converge`]), ...more];
    assert.deepEqual(await this.plan(), expected.sort());
    await this.stack.up();
    assert.deepEqual(await this.plan("--refresh"), []);
  }

  /** Changed settings of `aws`, beside the others. */
  withAws(changes: RawSettings): RawSettings {
    return { aws: { ...this.stack.setting<RawSettings>("aws"), ...changes } };
  }

  /** A protected stack is not destroyed, and is as whole as before. */
  async refusesToBeDestroyed(): Promise<void> {
    const { code, stdout, stderr } = await this.stack.pulumi("destroy", "--yes", "--skip-preview", "--non-interactive");
    assert.notEqual(code, 0, "destroy went through");
    assert.match(stdout + stderr, /protected/);
    assert.deepEqual(await this.plan("--refresh"), []);
  }

  /**
   * Nothing is left of it, neither in AWS nor in Incus, and all that was there before it still is; and nothing had to be tried again
   * all its life, for it came too early.
   */
  async leavesNothing(): Promise<void> {
    await this.stack.mustPulumi("destroy", "--yes", "--skip-preview", "--non-interactive");
    assert.deepEqual(this.cloud.tooEarly, []);
    assert.deepEqual(await this.cloud.leftovers(), this.found);
    assert.deepEqual(await this.stack.leftovers(), []);
  }

  /** Removes the stack and the cloud, whatever state they are in. */
  async end(): Promise<void> {
    // What is left of the stack goes with the cloud, so nothing is asked of it.
    await this.cloud.stop();
    this.stack.discard();
  }
}
