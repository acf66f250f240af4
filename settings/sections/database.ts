import { z } from "zod";
import { identifier, told, unlessAsked } from "./types";

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
  })
  .prefault({});
