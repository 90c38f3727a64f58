/** The logins of followers, as the servers of NATS ask about them, and their connections. */

/** What somebody who connects to NATS shows. */
export interface FollowerAttempt {
  readonly user: string;
  readonly password: string;
  /** From where, as the server says it. */
  readonly host: string;
}

/** What a login may do, until when. */
export interface FollowerLogin {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  readonly expiresAtMs: number;
}

export interface FollowerConnection {
  /** Unique. Those of one server that were made later come later. */
  readonly id: string;
  /** The user with which it has logged in. */
  readonly user: string;
  /** Ends it. Rejects if the server does not answer. */
  end(): Promise<void>;
}

export interface FollowerDoor {
  /**
   * Answers the servers from now on. `admit` rejects for whoever is not let in; nobody is told why. More attempts at a time than
   * the adapter allows are refused. Returns the function that ends it.
   */
  open(admit: (attempt: FollowerAttempt) => Promise<FollowerLogin>): () => void;
  /** All connections of followers, on every server that answers in time. */
  connections(): Promise<readonly FollowerConnection[]>;
  close(): Promise<void>;
}
