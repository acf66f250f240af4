import { z } from "zod";
import { replaces, told } from "./types";

export const network = z
  .strictObject({
    cidr: z
      .string()
      .default("10.88.0.0/24")
      .meta(
        told(
          "the cluster's own private network, a /26 or wider. Addresses are fixed: etcd from .11, postgresql from .21, " +
            "haproxy from .31. On AWS a /16 to /23, see below; in an existing VPC, that VPC's block.",
          { change: replaces },
        ),
      ),
  })
  .prefault({});
