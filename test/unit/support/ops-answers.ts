/** A certificate that is valid from 2026-11-23 to 2027-11-23. */
export const certificate = `-----BEGIN CERTIFICATE-----
MIIBdDCCARmgAwIBAgIUE4CS0fQ2r5c8nREDdIh5CjLmLc4wCgYIKoZIzj0EAwIw
DzENMAsGA1UEAwwEdGVzdDAeFw0yNjExMjMwODEwNDFaFw0yNzExMjMwODEwNDFa
MA8xDTALBgNVBAMMBHRlc3QwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAATtGnfo
+0qS87wKgeo4KaK81EDnGBgtUE0X3hEXLblJevDV2OGCv8wE4ETMoxjtbqoZ8+Dp
MPftDVIQ5l3mO9c6o1MwUTAdBgNVHQ4EFgQUAFN5W8qJiIV2EHxxOKQc9Xn8rNEw
HwYDVR0jBBgwFoAUAFN5W8qJiIV2EHxxOKQc9Xn8rNEwDwYDVR0TAQH/BAUwAwEB
/zAKBggqhkjOPQQDAgNJADBGAiEA2IWdRnXfUN7sJhw18efVharK9NCGpJfokZC4
ZSVMcuYCIQC0ppYG7vF4wgF00s+Q60o38GRD6ftyfzD1NC0/eaJT+g==
-----END CERTIFICATE-----
`;
export const notAfter = new Date("2027-11-23T08:10:41Z");

const marker = (name: string, text: string) => `\n@@pgha ${name}\n${text}`;
const section = (sections: Record<string, string>) =>
  Object.entries({ certificate, disk: " 31% /", ...sections })
    .map(([name, text]) => marker(name, text))
    .join("");

const members = (leader: string) =>
  [1, 2, 3].map((n) => {
    const name = `postgresql${n}`;
    const role =
      name === leader ? { role: "leader", state: "running" } : { role: "quorum_standby", state: "streaming", lag: 0 };
    return { name, ...role, host: `10.88.0.${20 + n}`, port: 5432, timeline: 3 };
  });

/** Patroni's view of the cluster, with changes to single members. */
export const patroniCluster = (leader = "postgresql1", changes: Record<string, object> = {}, more: object = {}) =>
  JSON.stringify({
    members: members(leader).map((member) => ({ ...member, ...changes[member.name] })),
    scope: "pgha-dev",
    ...more,
  });

const patroni = (own: object = {}) =>
  JSON.stringify({
    state: "running",
    server_version: 170006,
    patroni: { version: "4.1.4", scope: "pgha-dev" },
    xlog: {},
    ...own,
  });

/**
 * What a database node answers to a probe.
 * @param transactions those that have been open for long
 * @param commits settings
 * @param byHand parameters that ALTER SYSTEM has set
 */
export const databaseAnswer = (
  cluster = patroniCluster(),
  own: object = {},
  transactions: object[] = [],
  commits: object[] = [],
  byHand: string[] = [],
) => section({ patroni: patroni(own), cluster, postgresql: JSON.stringify({ transactions, commits, byHand }) });

const etcdMember = (n: number) => ({ name: `etcd${n}`, peerURLs: [`https://10.88.0.${10 + n}:2380`] });
/** The members that etcd knows, with changes to some; `null` leaves one out. */
export const etcdMembers = (changes: Record<number, object | null> = {}, count = 3) =>
  Array.from({ length: count }, (_, index) => index + 1)
    .filter((n) => changes[n] !== null)
    .map((n) => ({ ...etcdMember(n), ...changes[n] }));

/** What an etcd member answers to a probe. @param alarm number of an alarm it has @param switchover Patroni's key */
export const etcdAnswer = (
  id: number,
  { leader = 11, healthy = true, alarm = 0, switchover = "{}", members = etcdMembers() } = {},
) =>
  section({
    health: JSON.stringify([{ endpoint: "https://10.88.0.11:2379", health: healthy, took: "9ms" }]),
    status: JSON.stringify([{ Status: { header: { member_id: id }, version: "3.6.14", dbSize: 20480, leader } }]),
    alarms: JSON.stringify(alarm ? { alarms: [{ memberID: id, alarm }] } : {}),
    members: JSON.stringify({ members }),
    switchover,
  });

/** What PgBouncer says to `showPaused`. @param paused of the application's database @param all of all of them */
export const pausedAnswer = ({ paused = 0, all = false } = {}) =>
  `name,host,paused,disabled\napp,127.0.0.1,${paused},0\npgbouncer,,0,0\n` +
  `key,value\nactive,${all ? "no" : "yes"}\npaused,${all ? "yes" : "no"}\nsuspended,no`;

/** What a proxy answers to a probe. */
export const proxyAnswer = ({
  write = ["postgresql1"],
  read = ["postgresql2", "postgresql3"],
  waiting = 0,
  maxwait = 0,
  paused = 0,
  oldWorkers = [] as string[],
} = {}) => {
  const servers = (backend: string, up: string[]) =>
    [1, 2, 3].map((n) => `${backend},postgresql${n},0,${up.includes(`postgresql${n}`) ? "UP" : "DOWN"},1`);
  return section({
    version: "HAProxy version 3.0.11-1+deb13u5 2026/11/18 - https://haproxy.org/",
    stat: [
      "# pxname,svname,scur,status,weight",
      "write,FRONTEND,0,OPEN,",
      ...servers("primary", write),
      "primary,hold,0,no check,1",
      "primary,BACKEND,0,UP,1",
      ...servers("replicas", read),
    ].join("\n"),
    workers: [
      "#<PID>          <type>          <reloads>       <uptime>        <version>",
      "1162            master          5 [failed: 0]   2d00h02m07s     3.0.11-1+deb13u5",
      "# workers",
      "1271            worker          0               0d00h00m00s     3.0.11-1+deb13u5",
      ...(oldWorkers.length > 0 ? ["# old workers", ...oldWorkers] : []),
      "# programs",
    ].join("\n"),
    pools: `database,user,cl_active,cl_waiting,sv_active,sv_idle,maxwait\napp,app,12,${waiting},3,7,${maxwait}\napp,app_owner,1,0,0,1,0\npgbouncer,pgbouncer,1,0,0,0,0`,
    paused: pausedAnswer({ paused }),
    pgbouncer: "version\nPgBouncer 1.24.1",
  });
};

/** Answers of every node of a whole cluster, to be changed one by one. */
export const wholeAnswers = (): Record<string, string> => ({
  etcd1: etcdAnswer(11),
  etcd2: etcdAnswer(12),
  etcd3: etcdAnswer(13),
  postgresql1: databaseAnswer(),
  postgresql2: databaseAnswer(),
  postgresql3: databaseAnswer(),
  haproxy1: proxyAnswer(),
  haproxy2: proxyAnswer(),
});
