/** Prisma on a cluster: transactions that ride through a failover. Copy it with retry.ts and pool.ts. */
import { PrismaPg } from "@prisma/adapter-pg";
import { clusterPool } from "../pool";
import { retry, type RetryOptions } from "../retry";
import { PrismaClient, type Prisma } from "./generated/client";

/**
 * A client for one port of the cluster. Make one for writes and one for reads.
 * @param dsn as the outputs `dsn` (writes, and reads that must see them) and `readUrl`
 * @param ca the certificate of the cluster's CA, PEM: the output `caCertificate`
 */
export function prismaClient(dsn: string, ca: string): PrismaClient {
  return new PrismaClient({
    adapter: new PrismaPg(clusterPool(dsn, ca), { disposeExternalPool: true }),
    // Prisma's own 2 s for a connection and 5 s in all would cut short a transaction that waits for a new leader.
    transactionOptions: { maxWait: 10_000, timeout: 60_000 },
  });
}

/**
 * Runs a transaction exactly once under this id, however often it is tried, by whichever process: the table `requests`
 * (requests.sql) remembers it in the same transaction.
 * @param id chosen before the first try, and the same for every try
 * @param work may run several times: let it do nothing but query, by its argument
 * @returns what `work` gave; undefined when an earlier try had committed
 */
export function once<T>(
  prisma: PrismaClient,
  id: string,
  work: (tx: Prisma.TransactionClient) => Promise<T>,
  options?: RetryOptions,
): Promise<T | undefined> {
  const attempt = async (tx: Prisma.TransactionClient) => {
    // An update, where DO NOTHING would do for the count: the row that it finds may not be on a standby yet, and only a
    // commit that has written something waits until it, and all before it, is.
    const rows = await tx.$queryRaw<{ tries: number }[]>`INSERT INTO requests (id) VALUES (${id})
      ON CONFLICT (id) DO UPDATE SET tries = requests.tries + 1 RETURNING tries`;
    return rows[0]!.tries === 1 ? work(tx) : undefined;
  };
  return retry(() => prisma.$transaction(attempt), options);
}
