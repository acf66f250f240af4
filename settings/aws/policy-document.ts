/** Documents of IAM, as AWS' policy language has them. */

export type Condition = Record<string, Record<string, string | string[]>>;

export interface Statement {
  Sid: string;
  Effect: "Allow" | "Deny";
  Action: string | string[];
  Resource: string | string[];
  Condition?: Condition;
}

export interface Policy {
  Version: "2012-10-17";
  Statement: Statement[];
}

/** A document of these statements; those that a cluster does not need are undefined. */
export const policy = (statements: (Statement | undefined)[]): Policy => ({
  Version: "2012-10-17",
  Statement: statements.filter((one) => one !== undefined),
});

export const allow = (
  Sid: string,
  Action: string | string[],
  Resource: string | string[],
  Condition?: Condition,
): Statement => ({ Sid, Effect: "Allow", Action, Resource, ...(Condition && { Condition }) });

/** What a managed policy may have at most, characters without spaces (IAM user guide, "IAM and AWS STS quotas"). */
export const longest = 6144;

export const lengthOf = (document: Policy): number => JSON.stringify(document).length;
