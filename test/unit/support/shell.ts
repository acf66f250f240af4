/** The script that a converge command writes to a file on the machine and runs there. */
export function innerScript(command: string): string {
  const match = /<<'END_OF_PGHA_SCRIPT'\n([^]*)\nEND_OF_PGHA_SCRIPT\n/.exec(command);
  if (!match) throw new Error("the converge command holds no script");
  return match[1]!;
}
