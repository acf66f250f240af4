/** The region of an availability zone: us-east-1 for us-east-1a. */
export const regionOf = (zone: string) => zone.slice(0, -1);

/**
 * The region a stack is in: as configured, else by the variables in which the AWS provider, too, looks for one.
 * @param configured `aws:region`, as it stands in the stack's configuration
 * @returns undefined when none says it
 */
export function regionIn(configured: unknown): string | undefined {
  return [configured, process.env.AWS_REGION, process.env.AWS_DEFAULT_REGION].find(
    (region): region is string => typeof region === "string" && region !== "",
  );
}
