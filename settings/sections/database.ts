import { z } from "zod";
import { identifier, told } from "./types";

export const database = z
  .strictObject({
    name: identifier.default("app").meta(told("the application's database.")),
    owner: identifier.default("app_owner").meta(told("its owner: runs migrations.")),
    user: identifier
      .default("app")
      .meta(
        told("the application's role: reads and writes rows of the owner's tables in schema `public`, nothing more."),
      ),
  })
  .prefault({});
