/** For Prisma's commands. Migrations run as the owner, past the pooler, to the leader: `npx pgha migrate --for prisma -- npx prisma migrate deploy`. */
import { defineConfig } from "prisma/config";

export default defineConfig({
  schema: "prisma/schema.prisma",
  datasource: { url: process.env.DIRECT_URL ?? "" },
});
