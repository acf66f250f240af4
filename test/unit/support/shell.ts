/** What of a converge command's standard input is left when the command has taken the script. */
export function withoutScript(input: string, script: string): string {
  const head = `${Buffer.byteLength(script)}\n${script}`;
  if (!input.startsWith(head)) throw new Error("the input does not begin with the script and its size");
  return input.slice(head.length);
}
