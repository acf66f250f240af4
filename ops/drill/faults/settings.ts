import { nodesOf } from "../../cluster";
import { superuserSql } from "../../ask";
import type { Fault } from "./fault";

/** A parameter that PostgreSQL takes up by a restart only and that changes nothing a client could notice, with two values. */
const parameter = { name: "track_activity_query_size", values: ["1kB", "2kB"] };

export const settingsFaults: Fault[] = [
  {
    name: "change-setting",
    title: "A setting changed by pulumi up that needs a restart of PostgreSQL on every node",
    expects: () =>
      "The standbys restart one by one, then the leader after it has handed over: as a switchover, with a standby always there to confirm.",
    hold: () => 2,
    needs: ({ settings }) => Promise.resolve(settings ? undefined : "there are no settings to change here"),
    async inject(world) {
      const leader = await world.leader();
      const now = await world.on(leader, superuserSql(`SHOW ${parameter.name}`));
      const next = parameter.values.find((value) => value !== now)!;
      await world.settings!.change({ parameters: { [parameter.name]: next } });
      return {
        targets: nodesOf(world.reached.cluster, "postgresql").map(({ name }) => name),
        note: `${parameter.name} ${now} -> ${next}`,
      };
    },
  },
];
