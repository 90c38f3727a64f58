/** The pod that this process runs in, as the one who may take it away sees it. */
export interface OwnPod {
  /** Rejects with an Error that says why; setting the same again is harmless. */
  setDeletionCost(cost: number): Promise<void>;
}
