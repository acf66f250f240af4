/** Connection URLs in the forms that different clients take. */
import type { Connection, Front, Place } from "./connection";

type Options = Record<string, string | number>;

/** A text in a URL; a path stays readable, and no quote is left, so that a shell needs none but the ones around it. */
const encode = (text: string) => encodeURIComponent(text).replaceAll("%2F", "/").replaceAll("'", "%27");

const query = (options: Options) =>
  Object.entries(options)
    .map(([key, value]) => `${key}=${encode(String(value))}`)
    .join("&");

const at = (places: Place[]) => places.map(({ host, port }) => `${host}:${port}`).join(",");

const login = ({ user, password }: Connection) =>
  password === undefined ? encode(user) : `${encode(user)}:${encode(password)}`;

/** `postgresql://user@host:port,.../database?...` */
export const url = (connection: Connection, places: Place[], options: Options) =>
  `postgresql://${login(connection)}@${at(places)}/${encode(connection.database)}?${query(options)}`;

/** The same with the hosts as libpq's options. */
export const urlWithHostOptions = (connection: Connection, places: Place[], options: Options) => {
  const hosts = `host=${places.map(({ host }) => host).join(",")}&port=${places.map(({ port }) => port).join(",")}`;
  return `postgresql://${login(connection)}@/${encode(connection.database)}?${hosts}&${query(options)}`;
};

/** SQLAlchemy takes several hosts as options. */
export const sqlalchemyUrl = (connection: Connection, places: Place[], options: Options) => {
  const hosts = places.map((place) => `host=${at([place])}`).join("&");
  return `postgresql+psycopg://${login(connection)}@/${encode(connection.database)}?${hosts}&${query(options)}`;
};

/** JDBC: user and password among the options. */
export const jdbcUrl = (connection: Connection, places: Place[], options: Options) => {
  const { user, password } = connection;
  const own: Options = { user, ...(password !== undefined && { password }) };
  return `jdbc:postgresql://${at(places)}/${encode(connection.database)}?${query({ ...own, ...options })}`;
};

/** TLS with certificate and name verified, as libpq spells it; most other clients do, too. */
export const verified = ({ ca }: Connection): Options => ({ sslmode: "verify-full", sslrootcert: ca });

/** The same for a front whose name may be in no certificate. */
export const verifiedAt = (connection: Connection, { named }: Front): Options => ({
  ...verified(connection),
  ...(!named && { sslmode: "verify-ca" }),
});
