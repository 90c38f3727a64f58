/** The Kubernetes pod in which this process runs, as far as the process may change it. */
export interface OwnPod {
  /**
   * Sets how costly it is to delete this pod. Rejects with an Error that says why. Setting the same value again is
   * harmless.
   */
  setDeletionCost(cost: number): Promise<void>;
}
