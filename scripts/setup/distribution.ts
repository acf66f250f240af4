/** What is known of the machine's distribution. */
import { readFileSync } from "node:fs";

export interface Distribution {
  /** For people: "Debian GNU/Linux 12 (bookworm)". */
  name: string;
  /** "debian", "ubuntu", or whatever else. */
  id: string;
  /** "bookworm", "noble", ... */
  codename: string;
}

/** Reads /etc/os-release. */
export function distribution(file = "/etc/os-release"): Distribution {
  let text = "";
  try {
    text = readFileSync(file, "utf8");
  } catch {
    // A system without the file is none we know.
  }
  const value = (key: string) => new RegExp(`^${key}="?([^"\\n]*)"?$`, "m").exec(text)?.[1] ?? "";
  const id = value("ID");
  const like = [id, ...value("ID_LIKE").split(" ")];
  const family = like.includes("ubuntu") ? "ubuntu" : like.includes("debian") ? "debian" : id;
  return { name: value("PRETTY_NAME") || "unknown", id: family, codename: value("VERSION_CODENAME") };
}
