/** What GitHub calls concurrency: of a group one is under way, one waits, and a third takes the place of the one that waits. */
export interface Holder {
  /** Breaks it off. */
  cancel: () => void;
}

interface Lane {
  holder?: Holder;
  waiting?: { holder: Holder; begin: (itsTurn: boolean) => void };
}

export class Lanes {
  private readonly lanes = new Map<string, Lane>();

  /**
   * Waits for its turn.
   * @param breaksOff whether who is under way is canceled for it
   * @returns what ends its turn; undefined when another one took its place while it waited
   */
  async enter(group: string, breaksOff: boolean, holder: Holder): Promise<(() => void) | undefined> {
    const lane = this.lanes.get(group) ?? {};
    this.lanes.set(group, lane);
    if (lane.holder) {
      lane.waiting?.begin(false);
      if (breaksOff) lane.holder.cancel();
      if (!(await new Promise<boolean>((begin) => (lane.waiting = { holder, begin })))) return undefined;
    } else lane.holder = holder;
    return () => {
      const next = lane.waiting;
      lane.holder = next?.holder;
      lane.waiting = undefined;
      next?.begin(true);
    };
  }
}
