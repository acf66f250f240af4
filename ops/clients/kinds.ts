/** What each kind of client wants in its environment: pure functions from a connection to variables. */
import { OpsError } from "../errors";
import type { Connection, Front, Place } from "./connection";
import { jdbcUrl, sqlalchemyUrl, url, urlWithHostOptions, verified, verifiedAt } from "./url";

export type Variables = Record<string, string>;

export interface Kind {
  name: string;
  /** The clients it is for. */
  clients: string;
  /** Whether it finds the password in the file that PGPASSFILE names. */
  readsPasswordFile: boolean;
  variables(connection: Connection): Variables;
  /** The same for its command that changes the schema, where that is a program of its own. @default variables */
  forMigrations?(connection: Connection): Variables;
}

/** A proxy that is switched off does not refuse, it says nothing: seconds until the next one is tried. 2 is libpq's least. */
const patience = { connect_timeout: 2 };

/** Goes on to the next proxy when the one that answers leads to a server that takes no writes. */
const writes = { target_session_attrs: "read-write" };

/** Said, since the variable PGTARGETSESSIONATTRS may stand beside it. */
const reads = { target_session_attrs: "any" };

/** A proxy that has gone silent is noticed after 5 s. libpq only: others hand what they do not know to the server. */
const silence = { tcp_user_timeout: 5000, keepalives_idle: 2, keepalives_interval: 1, keepalives_count: 3 };

const password = ({ password, passwordFile }: Connection): Variables =>
  password === undefined ? { PGPASSFILE: passwordFile } : { PGPASSWORD: password };

const passwordFileAndCa = ({ password, passwordFile, ca }: Connection): Variables => ({
  ...(password === undefined && { PGPASSFILE: passwordFile }),
  PGSSLROOTCERT: ca,
});

/** libpq's own variables. */
const libpq = (connection: Connection): Variables => ({
  PGHOST: connection.places.map(({ host }) => host).join(","),
  PGPORT: connection.places.map(({ port }) => port).join(","),
  PGDATABASE: connection.database,
  PGUSER: connection.user,
  ...password(connection),
  PGSSLMODE: "verify-full",
  PGSSLROOTCERT: connection.ca,
  PGTARGETSESSIONATTRS: writes.target_session_attrs,
  PGCONNECT_TIMEOUT: String(patience.connect_timeout),
});

/** A URL for writes and one for reads. */
const pair = (connection: Connection, make: (places: Place[], reading: boolean) => string): Variables => ({
  DATABASE_URL: make(connection.places, false),
  READ_URL: make(connection.reads.places, true),
});

/** URLs of several hosts that libpq, asyncpg and pgx understand alike. */
const everyProxy = (connection: Connection, more: Record<string, string | number> = {}) =>
  pair(connection, (places, reading) =>
    url(connection, places, { ...verified(connection), ...(reading ? reads : writes), ...more }),
  );

/** Clients that take one host, and code of docs/clients that takes all of them. */
const node = (connection: Connection): Variables => {
  const one = (front: Front) =>
    // node-postgres takes verify-ca for verify-full unless it is told to go by libpq.
    url(connection, [front], { ...verifiedAt(connection, front), ...(!front.named && { uselibpqcompat: "true" }) });
  const { DATABASE_URL, READ_URL } = everyProxy(connection);
  return {
    DATABASE_URL: one(connection.front),
    DATABASE_DSN: DATABASE_URL!,
    READ_URL: one(connection.reads.front),
    READ_DSN: READ_URL!,
    ...passwordFileAndCa(connection),
  };
};

/** lib/pq takes several hosts as options only, and pgx either way. */
const go = (connection: Connection, more: Record<string, string | number>): Variables => ({
  ...pair(connection, (places, reading) =>
    urlWithHostOptions(connection, places, { ...verified(connection), ...(reading ? reads : writes), ...more }),
  ),
  ...passwordFileAndCa(connection),
});

/** Seconds. Without `socketTimeout` a silent proxy is noticed after hours; a migration may be silent for as long. */
const jdbc = (connection: Connection, places: Place[], reading: boolean) =>
  jdbcUrl(connection, places, {
    ...verified(connection),
    ...(!reading && { targetServerType: "primary" }),
    connectTimeout: 2,
    ...(connection.by === "pooled" && { socketTimeout: 40 }),
    tcpKeepAlive: "true",
  });

const libpqAndUrls = (connection: Connection): Variables => ({
  ...libpq(connection),
  ...everyProxy(connection, { ...patience, ...silence }),
});

/** Every kind that `pgha env --for` knows. */
export const kinds: readonly Kind[] = [
  { name: "libpq", clients: "libpq and all that is built on it", readsPasswordFile: true, variables: libpqAndUrls },
  { name: "psql", clients: "psql, pg_dump, pg_restore", readsPasswordFile: true, variables: libpqAndUrls },
  { name: "node", clients: "node-postgres, Knex, Drizzle", readsPasswordFile: true, variables: node },
  {
    name: "postgresjs",
    clients: "postgres (porsager)",
    readsPasswordFile: false,
    variables: (connection) => ({
      ...pair(connection, (places, reading) =>
        url(connection, places, { sslmode: "verify-full", ...(!reading && writes), ...patience }),
      ),
      PGSSLROOTCERT: connection.ca,
    }),
  },
  {
    name: "prisma",
    clients: "Prisma 7 with @prisma/adapter-pg",
    readsPasswordFile: true,
    variables: node,
    // Its schema engine has names of its own for TLS, and does without TLS's checks where it does not know a mode.
    forMigrations: (connection) => ({
      DATABASE_URL: url(connection, [connection.front], {
        sslmode: "require",
        sslaccept: "strict",
        sslcert: connection.ca,
      }),
    }),
  },
  {
    name: "python",
    clients: "psycopg 3, psycopg2, asyncpg",
    readsPasswordFile: true,
    variables: (connection) => ({ ...libpq(connection), ...everyProxy(connection) }),
  },
  {
    name: "django",
    clients: "Django",
    readsPasswordFile: true,
    // Django takes no URL. Reads are a database of their own in its settings, which differs by its port.
    variables: (connection) => ({
      ...libpq(connection),
      READ_PORT: connection.reads.places.map(({ port }) => port).join(","),
    }),
  },
  {
    name: "sqlalchemy",
    clients: "SQLAlchemy, Alembic",
    readsPasswordFile: true,
    variables: (connection) => ({
      ...pair(connection, (places, reading) =>
        sqlalchemyUrl(connection, places, {
          ...verified(connection),
          ...(reading ? reads : writes),
          ...patience,
          ...silence,
        }),
      ),
      ...passwordFileAndCa(connection),
    }),
  },
  { name: "go", clients: "pgx", readsPasswordFile: true, variables: (connection) => go(connection, patience) },
  {
    name: "lib/pq",
    clients: "lib/pq",
    readsPasswordFile: true,
    // Else it asks for what it has prepared without a name in a transaction of its own, when another server may have its turn.
    variables: (connection) => go(connection, { ...patience, binary_parameters: "yes" }),
  },
  {
    name: "jdbc",
    clients: "the PostgreSQL JDBC driver, HikariCP, Flyway",
    readsPasswordFile: true,
    variables: (connection) => ({
      JDBC_DATABASE_URL: jdbc(connection, connection.places, false),
      JDBC_READ_URL: jdbc(connection, connection.reads.places, true),
      ...passwordFileAndCa(connection),
    }),
  },
  {
    name: "flyway",
    clients: "Flyway's own command",
    readsPasswordFile: false,
    variables: (connection) => {
      const { password: own, ...others } = connection;
      return {
        FLYWAY_URL: jdbc(others, others.places, false),
        FLYWAY_USER: others.user,
        ...(own !== undefined && { FLYWAY_PASSWORD: own }),
      };
    },
  },
  {
    name: "rust",
    clients: "sqlx (DATABASE_URL), tokio-postgres (DATABASE_DSN)",
    readsPasswordFile: true,
    variables: (connection) => {
      // tokio-postgres leaves the verifying to its TLS connector, which reads the CA from PGSSLROOTCERT.
      const dsn = (places: Place[], reading: boolean) =>
        url(connection, places, { sslmode: "require", ...(!reading && writes), ...patience, keepalives_idle: 2 });
      const { front, reads, places } = connection;
      return {
        DATABASE_URL: url(connection, [front], verifiedAt(connection, front)),
        DATABASE_DSN: dsn(places, false),
        READ_URL: url(connection, [reads.front], verifiedAt(connection, reads.front)),
        READ_DSN: dsn(reads.places, true),
        ...passwordFileAndCa(connection),
      };
    },
  },
];

/** The kind of that name. @throws OpsError naming those there are */
export function kindNamed(name: string): Kind {
  const kind = kinds.find((one) => one.name === name);
  if (!kind) throw new OpsError(`no client is called '${name}'; known are ${kinds.map((one) => one.name).join(", ")}`);
  return kind;
}
