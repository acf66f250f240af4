/** For Prisma's commands. Migrations run as the owner, past the pooler, to the leader: the output `ownerUrl`. */
import { defineConfig } from "prisma/config";

export default defineConfig({
  schema: "prisma/schema.prisma",
  datasource: { url: process.env.OWNER_URL ?? "" },
});
