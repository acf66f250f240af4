import { z } from "zod";
import { count, told } from "./types";

export const certificates = z
  .strictObject({
    validityDays: count(2, 3650).default(365).meta(told("life of a node's certificate, days.")),
    renewDays: count(1, 3649)
      .default(335)
      .meta(
        told(
          "an `up` in this last part of its life, days, renews it: with the defaults, any `up` more than 30 days after the last " +
            "renewal.",
        ),
      ),
    authority: count(1, 999)
      .default(1)
      .meta(
        told(
          "number of the certificate authority (CA) that signs. Another number is another authority, with new keys for every " +
            "node: [Stolen keys](stolen-keys.md).",
        ),
      ),
    alsoTrust: z
      .array(count(1, 999))
      .default([])
      .meta(
        told(
          "numbers of further authorities that every machine and client trusts, while one takes over from another.",
          {
            example: "[2]",
          },
        ),
      ),
  })
  .prefault({});
