/** What a parameter would do to all sessions of a cluster, where it is right for one role or none. */
import { catalogue } from "./catalogue";
import { patroniBooleans } from "./controlled";
import { readNumber } from "./numbers";

/**
 * Times within which work must get done, and the least that leaves time for it, in milliseconds. Less is mostly a number of seconds
 * without its unit. 0 is no limit.
 */
const shortest: Record<string, number> = {
  statement_timeout: 100,
  transaction_timeout: 100,
  idle_in_transaction_session_timeout: 1000,
  idle_session_timeout: 1000,
  wal_receiver_timeout: 1000,
  wal_sender_timeout: 1000,
};

/** Why a parameter cannot be set for everybody; undefined: it can, as far as this goes. */
export function everybodyFault(name: string, text: string): string | undefined {
  const key = name.toLowerCase();
  if (key === "default_transaction_read_only" && !patroniBooleans.no.includes(text.toLowerCase())) {
    return "cannot be set: nobody could write; give it to a role";
  }
  const least = shortest[key];
  if (least === undefined) return undefined;
  const { type, unit } = catalogue.parameters[key]!;
  const read = readNumber(text, type as "integer", unit);
  if ("wrong" in read || read.value <= 0 || read.value >= least) return undefined;
  return `is ${text}, which are ${read.value} ms, too little for anything to get done; write ${read.value}s if seconds are meant, or ${least}ms or more`;
}
