import { failoverHold, needsPower, type Fault } from "./fault";

const filler = "/var/lib/postgresql/pgha-drill-filler";
/** MiB of the filler that exist before the disk's limit is, so that the heal has something to give back. */
const ballast = 64;
/** MiB that are left to be filled when the limit is set, so that PostgreSQL does not reach it by itself. */
const spare = 64;

/** Shell that makes the ballast, and says how many MiB the machine may share with its image: all beside the database. */
const prepare = `head -c ${ballast}M /dev/urandom >${filler} && sync -f ${filler}
du -xsm --exclude=/var/lib/postgresql / | cut -f1`;

/** Shell that takes all the space there is, in ever smaller pieces; noise, which no file system makes smaller. */
const fill = `for size in 16M 4M 1M 256K 64K 4K; do
  while n=$((n + 1)) && [ "$n" -lt 1000 ] && head -c "$size" /dev/urandom 2>/dev/null >>${filler}; do :; done
  sync ${filler}
done
stat -c %s ${filler}`;

/** Shell that gives the space back. */
export const removeFiller = `if [ -e ${filler} ]; then
  rm ${filler}
  sync -f /var/lib/postgresql
  echo "its disk was full"
fi`;

export const diskFaults: Fault[] = [
  {
    name: "disk-full-leader",
    title: "The leader's disk full",
    expects: () =>
      "PostgreSQL crashes when it cannot write its log. It may come back and crash again before it stays down; then a standby takes over.",
    hold: failoverHold,
    needs: needsPower("restrictDisk"),
    async inject(world) {
      const leader = await world.leader();
      const shared = Number(await world.on(leader, prepare, 60_000));
      await world.power.restrictDisk(leader, shared + spare);
      const size = await world.on(leader, fill, 60_000);
      return { targets: [leader.name], note: `${leader.name}: ${Math.round(Number(size) / 2 ** 20)} MiB of filler` };
    },
  },
];
