import { connect } from "node:net";
import { pgbouncerConsole, poolersOf, type Reached } from "./ask";
import { connectionOf, loginNamed, type Connection, type Place } from "./clients/connection";
import { kindNamed, type Variables } from "./clients/kinds";
import { nodesOf } from "./cluster";
import { exitCode, OpsError } from "./errors";
import { interact } from "./process";

export interface MigrateOptions {
  role: string;
  /** Kind of client whose form DATABASE_URL has. */
  for: string;
}

/** What most tools look for: libpq's variables, and DATABASE_URL with one host, since few take several. */
const common = ["libpq", "flyway", "node"];

/** Names libpq would prefer to those that are set here. */
const inTheWay = ["PGHOSTADDR", "PGSERVICE"];

/** Variables with the connection for a tool that changes the schema. They hold the password: for a child's environment only. */
export function migrationEnv(connection: Connection, kind: string): Variables {
  const wanted = kindNamed(kind);
  const variables: Variables = Object.assign(
    {},
    ...common.map((name) => kindNamed(name).variables(connection)),
    (wanted.forMigrations ?? wanted.variables)(connection),
  );
  // By this name Prisma's documentation calls what goes past a pooler.
  return { ...variables, DIRECT_URL: variables.DATABASE_URL! };
}

/**
 * Has every PgBouncer leave its server connections, each when its transaction ends: statements that were prepared before a change of
 * the schema are gone with them.
 * @returns what went wrong, one line a proxy
 */
export async function freshPools({ cluster, runner }: Reached): Promise<string[]> {
  const reconnect = pgbouncerConsole(poolersOf(cluster.facts), 5, "RECONNECT");
  const asked = nodesOf(cluster, "haproxy").map(async ({ name }) => {
    const { code, stderr, unreachable } = await runner.run(name, reconnect);
    return code === 0 ? [] : [`${name}: ${unreachable ?? stderr.trim()}`];
  });
  return (await Promise.all(asked)).flat();
}

/** The first proxy that lets a client connect: most tools take one host. @throws OpsError when none does */
async function answering(places: Place[]): Promise<Place> {
  for (const place of places) if (await answers(place)) return place;
  throw new OpsError(
    `no proxy answers at ${places.map(({ host, port }) => `${host}:${port}`).join(", ")}; nothing was run`,
  );
}

const answers = ({ host, port }: Place) =>
  new Promise<boolean>((resolve) => {
    const socket = connect({ host, port, timeout: 2000 });
    const say = (yes: boolean) => () => {
      socket.destroy();
      resolve(yes);
    };
    socket.on("connect", say(true)).on("timeout", say(false)).on("error", say(false));
  });

/** `pgha migrate -- COMMAND...`: its exit code is ours, unless it succeeded and a pool could not be made fresh. */
export async function migrateCommand(reached: Reached, options: MigrateOptions, command: string[]): Promise<number> {
  const [program, ...args] = command as [string, ...string[]];
  const { cluster } = reached;
  const login = loginNamed(cluster, options.role);
  kindNamed(options.for); // an unknown one is refused first
  const connection = connectionOf(cluster, { ...login, by: "write" }, true);
  const front = { ...(await answering(connection.places)), named: true };
  const outside = Object.entries(process.env).filter(([name]) => !inTheWay.includes(name));
  const env = { ...Object.fromEntries(outside), ...migrationEnv({ ...connection, front }, options.for) };
  // One that failed half-way has changed half of it.
  const code = await interact(program, args, { env });
  const faults = await freshPools(reached);
  for (const fault of faults)
    console.error(
      `pgha: statements prepared before the migration may fail (0A000) until \`pgha migrate -- true\` succeeds: ${fault}`,
    );
  return code === 0 && faults.length > 0 ? exitCode.bad : code;
}
