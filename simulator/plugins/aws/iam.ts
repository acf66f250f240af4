// Roles, their policies, and the profiles by which instances take them.
import type { ResourceType } from "../lib/plugin";
import type { Value } from "../lib/wire";
import { found, gone, iam, inTime } from "./client";
import { allTags, observedTags, tagged, tagList, tagMap, type Tagger } from "./tags";

const named = { type: "string", required: true, replaces: true } as const;

/** Two texts of the same document: the real plugin compares policies by what they say. */
const normal = (document: Value): Value => {
  try {
    return JSON.stringify(JSON.parse(String(document)));
  } catch {
    return document;
  }
};

const roleTags: Tagger = {
  set: (RoleName, tags) => iam().tagRole({ RoleName, Tags: tagList(tags) }),
  remove: (RoleName, TagKeys) => iam().untagRole({ RoleName, TagKeys }),
};

export const Role: ResourceType = tagged(
  {
    named: "name",
    inputs: {
      name: named,
      assumeRolePolicy: { type: "string", required: true },
      description: { type: "string" },
      permissionsBoundary: { type: "string" },
    },
    normalise: (inputs) => ({ ...inputs, assumeRolePolicy: normal(inputs.assumeRolePolicy) }),
    computed: ["arn", "uniqueId", "createDate"],
    async create(inputs) {
      const { Role: made } = await iam().createRole({
        RoleName: String(inputs.name),
        AssumeRolePolicyDocument: String(inputs.assumeRolePolicy),
        Description: inputs.description as string | undefined,
        PermissionsBoundary: inputs.permissionsBoundary as string | undefined,
        Tags: tagList(allTags(inputs)),
      });
      const { RoleId: uniqueId, Arn: arn, CreateDate } = made!;
      return { id: String(inputs.name), outputs: { arn, uniqueId, createDate: CreateDate?.toISOString() } };
    },
    async update(inputs, state, { id }) {
      const PolicyDocument = String(inputs.assumeRolePolicy);
      if (PolicyDocument !== normal(state.assumeRolePolicy)) {
        await iam().updateAssumeRolePolicy({ RoleName: id, PolicyDocument });
      }
      if (inputs.description !== state.description) {
        await iam().updateRoleDescription({ RoleName: id, Description: String(inputs.description ?? "") });
      }
      const { permissionsBoundary: PermissionsBoundary } = inputs;
      if (PermissionsBoundary !== state.permissionsBoundary) {
        if (PermissionsBoundary)
          await iam().putRolePermissionsBoundary({ RoleName: id, PermissionsBoundary: String(PermissionsBoundary) });
        else await iam().deleteRolePermissionsBoundary({ RoleName: id });
      }
      return state;
    },
    async read(_state, { id }) {
      const role = (await found(iam().getRole({ RoleName: id })))?.Role;
      if (!role) return undefined;
      return {
        assumeRolePolicy: normal(decodeURIComponent(role.AssumeRolePolicyDocument ?? "")),
        description: role.Description || undefined,
        permissionsBoundary: role.PermissionsBoundary?.PermissionsBoundaryArn,
        ...observedTags(tagMap(role.Tags)),
      };
    },
    delete: (_inputs, _state, context) => inTime(() => gone(iam().deleteRole({ RoleName: context.id })), context),
  },
  roleTags,
);

export const RolePolicy: ResourceType = {
  named: "name",
  inputs: { name: named, role: named, policy: { type: "string", required: true } },
  normalise: (inputs) => ({ ...inputs, policy: normal(inputs.policy) }),
  computed: [],
  async create(inputs) {
    const [RoleName, PolicyName] = [String(inputs.role), String(inputs.name)];
    await iam().putRolePolicy({ RoleName, PolicyName, PolicyDocument: String(inputs.policy) });
    return { id: `${RoleName}:${PolicyName}`, outputs: {} };
  },
  async update(inputs) {
    const [RoleName, PolicyName] = [String(inputs.role), String(inputs.name)];
    await iam().putRolePolicy({ RoleName, PolicyName, PolicyDocument: String(inputs.policy) });
    return {};
  },
  async read({ role, name }) {
    const there = await found(iam().getRolePolicy({ RoleName: String(role), PolicyName: String(name) }));
    return there && { policy: normal(decodeURIComponent(there.PolicyDocument ?? "")) };
  },
  delete: (inputs) => gone(iam().deleteRolePolicy({ RoleName: String(inputs.role), PolicyName: String(inputs.name) })),
};

const profileTags: Tagger = {
  set: (InstanceProfileName, tags) => iam().tagInstanceProfile({ InstanceProfileName, Tags: tagList(tags) }),
  remove: (InstanceProfileName, TagKeys) => iam().untagInstanceProfile({ InstanceProfileName, TagKeys }),
};

export const InstanceProfile: ResourceType = tagged(
  {
    named: "name",
    inputs: { name: named, role: { type: "string" } },
    computed: ["arn", "uniqueId", "createDate"],
    async create(inputs) {
      const InstanceProfileName = String(inputs.name);
      const { InstanceProfile: made } = await iam().createInstanceProfile({
        InstanceProfileName,
        Tags: tagList(allTags(inputs)),
      });
      if (inputs.role) await iam().addRoleToInstanceProfile({ InstanceProfileName, RoleName: String(inputs.role) });
      const { InstanceProfileId: uniqueId, Arn: arn, CreateDate } = made!;
      return { id: InstanceProfileName, outputs: { arn, uniqueId, createDate: CreateDate?.toISOString() } };
    },
    async update(inputs, state, { id: InstanceProfileName }) {
      if (inputs.role !== state.role) {
        if (state.role) {
          await gone(iam().removeRoleFromInstanceProfile({ InstanceProfileName, RoleName: String(state.role) }));
        }
        if (inputs.role) await iam().addRoleToInstanceProfile({ InstanceProfileName, RoleName: String(inputs.role) });
      }
      return state;
    },
    async read(_state, { id }) {
      const profile = (await found(iam().getInstanceProfile({ InstanceProfileName: id })))?.InstanceProfile;
      return profile && { role: profile.Roles?.[0]?.RoleName, ...observedTags(tagMap(profile.Tags)) };
    },
    async delete(inputs, _state, { id: InstanceProfileName }) {
      if (inputs.role) {
        await gone(iam().removeRoleFromInstanceProfile({ InstanceProfileName, RoleName: String(inputs.role) }));
      }
      await gone(iam().deleteInstanceProfile({ InstanceProfileName }));
    },
  },
  profileTags,
);
