/** The stand-in for @pulumi/aws, at work against moto. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { clientsOf, operator, type Clients } from "../../../simulator/cloud/clients";
import { openFront, type Front, type Layer } from "../../../simulator/cloud/front";
import { gaps } from "../../../simulator/cloud/gaps";
import { withMoto } from "../../../scripts/setup/moto";
import { startMoto, type Moto } from "../../../simulator/cloud/moto";
import { Order } from "../../../simulator/cloud/order";
import { services } from "../../../simulator/plugins/aws/settings";
import type { Engine } from "../../../simulator/plugins/engine";
import type { Values } from "../../../simulator/plugins/lib/wire";
import { Folder } from "../../../simulator/plugins/tools";

export const region = "us-east-1";

export class AwsStage {
  private constructor(
    private readonly logs: string,
    private readonly folder: Folder,
    private readonly moto: Moto,
    private readonly front: Front,
    /** The provider, configured. */
    readonly provider: Engine,
    /** To look at what is there without it. */
    readonly clients: Clients,
    /** In which order things come and go. */
    readonly order: Order,
  ) {}

  /** Where AWS' interfaces are. */
  get url(): string {
    return `http://127.0.0.1:${this.front.port}`;
  }

  /** @param before layers that see the calls first. @default none */
  static async open(before: (moto: Clients) => Layer[] = () => []): Promise<AwsStage> {
    const logs = mkdtempSync(join(tmpdir(), "pgha-moto-"));
    const folder = new Folder();
    const [moto, provider] = await Promise.all([startMoto(withMoto(), logs), folder.start("aws")]);
    // No machines, but all else that moto lacks.
    const clients = clientsOf(moto.url, region);
    const order = new Order(clients, { shutdown: 700, arrival: 300 });
    const front = await openFront(moto.url, [...before(clients), order.layer, gaps(clients)]);
    const url = `http://127.0.0.1:${front.port}`;
    const stage = new AwsStage(logs, folder, moto, front, provider, clientsOf(url, region), order);
    await provider.configure(stage.settings());
    return stage;
  }

  /** Settings of a provider for it, as the engine passes them on. */
  settings(more: Values = {}): Values {
    const endpoints = JSON.stringify([Object.fromEntries(services.map((name) => [name, this.url]))]);
    return { region, accessKey: operator.accessKey, secretKey: operator.secretKey, endpoints, ...more };
  }

  async close(): Promise<void> {
    await this.provider.stop();
    await this.front.stop();
    await this.moto.stop();
    this.folder.remove();
    rmSync(this.logs, { recursive: true });
  }
}
