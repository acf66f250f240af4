import type { Plan } from "../../../settings/plan";
import type { File } from "../../file";
import { databaseSql, droppedDatabases, insideSql } from "./databases";
import { noted, ours, proxiesMoved, withoutOldSchema } from "./ours";
import type { Verifiers } from "./scram";
import { changedRights, roleDetailsSql, rolesSql } from "./roles";

/**
 * Roles, databases and rights, as SQL for psql that may run any number of times. The leader runs it; its last statement
 * leaves the file's hash in `pgha.converged`, by which every node sees that it has been run and has reached it. What is ours is in the
 * database `postgres`: the application's holds nothing of it, so that its owner can dump all that is there.
 */
export function clusterSql(plan: Plan, verifiers: Verifiers): File {
  const { settings } = plan;
  const start = "SET search_path = pg_catalog, pg_temp;\n";
  const content = [
    "-- Written by pgha. Run by the leader as postgres, on the database postgres, in a session that logs no statement\n",
    "-- (`superuser_options` in converge/postgresql.sh): there are verifiers in these.\n",
    start,
    rolesSql(settings, verifiers),
    ours(plan),
    proxiesMoved(plan),
    droppedDatabases(settings),
    databaseSql(settings),
    roleDetailsSql(settings),
    changedRights(settings),
    insideSql(settings, withoutOldSchema(settings.database.name)),
    "\\connect postgres\n",
    start,
    "BEGIN;\n",
    noted(settings),
    "INSERT INTO pgha.converged (sha256) VALUES (:'sha256') ON CONFLICT (one) DO UPDATE SET sha256 = excluded.sha256;\n",
    "COMMIT;\n",
  ].join("");
  return { path: "/etc/patroni/cluster.sql", owner: "root:postgres", mode: "0640", content };
}
