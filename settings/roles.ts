/** Roles a machine can have. Each node has exactly one. */
export const roles = ["etcd", "postgresql", "haproxy"] as const;
export type Role = (typeof roles)[number];

/** The most nodes there can be of each role. */
export const mostNodes: Record<Role, number> = { etcd: 7, postgresql: 9, haproxy: 9 };

/** The names that nodes of a role can have. */
export const possibleNames = (role: Role) =>
  Array.from({ length: mostNodes[role] }, (_, index) => `${role}${index + 1}`);
