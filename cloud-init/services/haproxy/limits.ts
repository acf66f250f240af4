import { loginTime, queueTime, serverConnections, silence } from "../../../settings/limits";
import type { Plan } from "../../../settings/plan";

/** Connections each frontend takes; more wait in its own queue in the kernel. */
const limits = ({ settings }: Plan): Record<string, number> => ({
  write: settings.pool.maxClients,
  read: settings.pool.maxClients,
  hold: settings.pool.maxClients,
  // PgBouncer's own: its pool, each perhaps going round once by the door, and what it opens to cancel queries.
  pool: 4 * serverConnections(settings).pool + 50,
  homes: 4 * serverConnections(settings).pooledRead + 50,
  stats: 200,
  // Checks and the gate ask it, on the loopback interface.
  role: 200,
  ...(settings.driver === "aws" && {
    // Through the load balancer to PgBouncer, clients and those who have not logged in.
    pooled: 2 * settings.pool.maxClients,
    pooledRead: 2 * settings.pool.maxClients,
    healthDoor: 200,
    health: 200,
  }),
});

/** The line `maxconn` of a frontend. */
export const maxconn = (plan: Plan, frontend: string) => `maxconn ${limits(plan)[frontend]}`;

/** Connections of all frontends together, and of those who use the admin socket. */
export const total = (plan: Plan) => Object.values(limits(plan)).reduce((sum, one) => sum + one, 100);

/** How long who may wait for what. */
export const waiting = [
  `timeout queue ${queueTime}s`,
  // One side has ended, and the other says nothing.
  ...["client-fin", "server-fin"].map((side) => `timeout ${side} ${loginTime}s`),
  ...["client-hs", "http-request", "http-keep-alive"].map((what) => `timeout ${what} ${silence}s`),
];

/** Clients of PostgreSQL speak first. One that does not gets no place at a server, and has to go soon. */
export const speaksFirst = [
  `tcp-request inspect-delay ${silence}s`,
  "tcp-request content reject unless { req.len gt 0 }",
];
