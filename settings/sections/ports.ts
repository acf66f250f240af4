import { z } from "zod";
import { port, told } from "./types";

/** Ports on 127.0.0.1 of the host that lead to the first proxy; the others take the neighbors (`clientPorts`). Driver incus only. */
export const ports = z
  .strictObject({
    write: port
      .default(5500)
      .meta(
        told(
          "driver `incus` only: port on 127.0.0.1 of the host that leads to the first proxy's write port; the second proxy " +
            "has 5502, the third 5504.",
        ),
      ),
    read: port.default(5501).meta(told("the same for reads; then 5503, 5505.")),
    stats: port.default(7500).meta(told("HAProxy's stats page; then 7501, 7502.")),
    pooled: port.default(6432).meta(told("PgBouncer; then 6433, 6434.")),
    pooledRead: port.default(6532).meta(told("PgBouncer for reads; then 6533, 6534.")),
  })
  .prefault({});
