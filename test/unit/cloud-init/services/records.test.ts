import assert from "node:assert/strict";
import { nodeFiles } from "../../../../cloud-init/node-files";
import { roles } from "../../../../settings/roles";
import { poolerCounts } from "../../../../settings/limits";
import { possibleServices, serviceOf, services, unitsOf } from "../../../../cloud-init/services";
import { plan } from "../../support/settings";

/** Units that the converge step has, but that are not daemons. */
const others = ["pgha-firewall"];

describe("services", () => {
  for (const clock of ["classic", "fast", "witnessed"] as const) {
    it(`are those whose units a node gets, with the clock ${clock}`, () => {
      const all = plan({ clock });
      for (const role of roles) {
        const units = nodeFiles(all, all[role][0]!).flatMap(
          ({ path }) => /^\/etc\/systemd\/system\/([^/]+)\.service(\.d\/|$)/.exec(path)?.[1] ?? [],
        );
        const daemons = units.filter((unit) => !others.includes(unit)).sort();
        assert.deepEqual(daemons, [...unitsOf(role, all.settings.clock, poolerCounts(all.settings))].sort(), role);
      }
    });
  }

  it("are found by their units, each on one role", () => {
    for (const [name, { unit, role }] of Object.entries(services)) {
      assert.equal(serviceOf(unit), name);
      assert.deepEqual(
        roles.filter((one) => possibleServices(one).some(([, its]) => its.unit === unit)),
        [role],
      );
    }
    assert.equal(serviceOf("ssh"), undefined);
  });
});
