/** How long a write waits for other processes that hold the file. */

/** Longest wait in total. If it takes longer, the other process hangs. */
export const lockWaitMs = 5_000;
/** Longest sleep between two attempts to get the lock. Each is drawn anew, so that no process starves another. */
export const lockPollMaxMs = 6;
