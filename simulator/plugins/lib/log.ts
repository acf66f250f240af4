// Lines to the engine's display.
import { credentials } from "@grpc/grpc-js";
import { EngineClient } from "@pulumi/pulumi/proto/engine_grpc_pb";
import { LogRequest, LogSeverity } from "@pulumi/pulumi/proto/engine_pb";
import type { Context } from "./plugin";

export class EngineLog {
  private client: EngineClient | undefined;
  private readonly sending = new Set<Promise<void>>();

  constructor(private address: string) {}

  connect(address: string): void {
    this.address = address;
    this.client = undefined;
  }

  of(urn: string): Context["log"] {
    return (severity, message, status = false) => {
      this.client ??= new EngineClient(this.address, credentials.createInsecure());
      const request = new LogRequest();
      request.setSeverity(LogSeverity[severity.toUpperCase() as Uppercase<typeof severity>]);
      request.setMessage(message);
      request.setUrn(urn);
      request.setEphemeral(status);
      // A display that is gone is not a reason to fail the resource.
      const sent = new Promise<void>((resolve) => this.client?.log(request, () => resolve()));
      this.sending.add(sent);
      void sent.then(() => this.sending.delete(sent));
    };
  }

  async flush(): Promise<void> {
    await Promise.all(this.sending);
  }
}
