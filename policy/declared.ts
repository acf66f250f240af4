import type { Declared } from "./rule";

/**
 * What a stack's configuration declares. Read leniently, with nothing declared where it is unreadable: the program refuses
 * faulty settings itself, and says more about them.
 * @param config the whole configuration, one string per key, objects as JSON
 */
export function declaredBy(config: Record<string, string>, stack: string): Declared {
  let aws: Record<string, unknown> = {};
  try {
    aws = (JSON.parse(config["pgha:aws"] ?? "{}") ?? {}) as Record<string, unknown>;
  } catch {
    // nothing is declared
  }
  return {
    stack,
    public: aws.public === true,
    clients: Array.isArray(aws.clients) ? aws.clients.map(String) : [],
    protect: typeof aws.protect === "boolean" ? aws.protect : undefined,
  };
}
