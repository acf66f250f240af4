import { types, type Rule } from "../rule";

/** AWS would stop or replace every node in the same update, for a new image or another line of user data. */
export const constancy: Rule = {
  name: "nodes-keep-running",
  description: "A change of image or user data neither stops nor replaces a machine.",
  faults({ type, props, ignoreChanges }) {
    if (type !== types.instance) return [];
    const missing = ["ami", "userData"].filter((input) => !ignoreChanges.includes(input));
    const faults = missing.map((input) => `Name ${input} in the resource option ignoreChanges.`);
    if (props.userDataReplaceOnChange === true) faults.push("Remove userDataReplaceOnChange.");
    return faults;
  },
};
