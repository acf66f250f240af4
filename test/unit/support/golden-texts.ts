import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { brief } from "../../../cloud-init/program";

/** Folders of the services, with their programs. */
const serviceFolders = readdirSync(join(__dirname, "../../../cloud-init/services"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => `cloud-init/services/${name}`);

const root = join(__dirname, "../../..");

/**
 * Scripts and programs that are sent to machines as they are in the repository, with or without their comments: a change of one
 * is a change of that file, and need not be shown once more for each node.
 */
const repositoryFiles = ["cloud-init", "cloud-init/converge", ...serviceFolders]
  .flatMap((folder) =>
    readdirSync(join(root, folder), { withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith(".ts"))
      .map(({ name }) => `${folder}/${name}`),
  )
  .flatMap((path) => {
    const content = readFileSync(join(root, path), "utf8");
    // What is rendered into a program stands after its first line (`driftFiles`).
    return [content, brief(content), content.replace(/^#!.*\n/, "")].map((text) => ({ path, text: text.trimEnd() }));
  });

/** How deep a file's text may be indented in cloud-config. */
const depths = [0, 2, 4, 6, 8];

/** A text with the name of each file of the repository in place of its content. */
export function withoutRepositoryFiles(text: string): string {
  for (const { path, text: content } of repositoryFiles) {
    for (const depth of depths) {
      const margin = " ".repeat(depth);
      const indented = content.replace(/^(?=.)/gm, margin);
      text = text.replaceAll(`\n${indented}\n`, () => `\n${margin}[${path}]\n`);
    }
  }
  return text;
}
