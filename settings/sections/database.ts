import { z } from "zod";
import { extensionNames, identifier, told, unlessAsked } from "./types";

export const database = z
  .strictObject({
    name: identifier.default("app").meta(
      told("the application's database.", {
        change: unlessAsked("a new, empty one is made; the old one stays, without a way to log in"),
      }),
    ),
    owner: identifier.default("app_owner").meta(
      told("its owner: runs migrations.", {
        change: unlessAsked("a new role is made; what exists stays the old one's, which cannot log in any more"),
      }),
    ),
    user: identifier.default("app").meta(
      told("the application's role: reads and writes rows of the owner's tables in schema `public`, nothing more.", {
        change: unlessAsked("a new role is made; the old one stays, but cannot log in any more"),
      }),
    ),
    extensions: extensionNames.meta(
      told(
        "extensions in it, by the names that `CREATE EXTENSION` has for them: [Databases and roles](databases.md).",
        {
          example: "[pg_trgm, pgcrypto]",
        },
      ),
    ),
    createDatabases: z
      .boolean()
      .optional()
      .meta(
        told(
          "whether its owner may make further databases and reach them, as `prisma migrate dev` and the test runners of Django and " +
            "Rails do.",
          { otherwise: "true on `incus`, false on `aws`" },
        ),
      ),
  })
  .prefault({});
