/** Numbers within their bounds that PostgreSQL refuses nevertheless, by the check hooks of its source. */
import type { Parameter } from "./catalogue";
import { readNumber, written } from "./numbers";

/** `check_slru_buffers` (slru.c): sizes of these caches come in banks of so many blocks. */
const banked =
  /^(commit_timestamp|multixact_member|multixact_offset|notify|serializable|subtransaction|transaction)_buffers$/;
const bank = 16;

/** `check_vacuum_buffer_usage_limit` (vacuum.c), in kB: this much, or 0 for no limit. */
const leastRing = 128;

/** What is wrong with a number that is within its bounds. */
export function stepFault(name: string, text: string, { type, unit }: Parameter): string | undefined {
  if (type !== "integer") return undefined;
  const read = readNumber(text, type, unit);
  if (!("value" in read)) return undefined;
  if (banked.test(name) && read.value % bank !== 0) {
    return `is ${text}, which is not a multiple of ${written(bank, unit)}; write one`;
  }
  if (name === "vacuum_buffer_usage_limit" && read.value > 0 && read.value < leastRing) {
    return `is ${text}, which is too little; write ${written(leastRing, unit)} or more, or 0 for no limit`;
  }
  return undefined;
}
