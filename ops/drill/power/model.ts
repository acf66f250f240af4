import type { NodeOutput } from "../../../components/outputs";

/** What can be done to a machine from outside. */
export type PowerAction = "off" | "stop" | "freeze" | "restrictDisk";

/** Power and disk of a cluster's machines. */
export interface Power {
  /** Why an action is not to be had where these machines are; undefined: it is. */
  cannot(action: PowerAction): string | undefined;
  /** Takes a machine's power away. Its peers hear nothing: no connection is closed, packets are just not answered. */
  off(node: NodeOutput): Promise<void>;
  /** Shuts a machine down cleanly. */
  stop(node: NodeOutput): Promise<void>;
  /** Has a machine stand still, as a virtual machine that its host has paused. */
  freeze(node: NodeOutput): Promise<void>;
  /** Undoes what is above, as far as there is anything to undo. @returns what that was */
  on(node: NodeOutput): Promise<string[]>;
  /**
   * Lets a machine's disk hold no more than what only this machine has now, and a number of MiB. What it shares with its image
   * counts among these.
   */
  restrictDisk(node: NodeOutput, besideOwnMiB: number): Promise<void>;
  /** Undoes that. A disk that is full to the last must be given space first. @returns what there was to undo */
  restoreDisk(node: NodeOutput): Promise<string[]>;
}
