/**
 * How many connections the followers of each tenant have. All followers share an account of NATS, whose connections are
 * limited, so one tenant could take all of them. Each gateway counts what the last look has found and what it let in since.
 */
import { parseFollowerUser } from '../../domain/event-follower.ts';
import type { FollowerConnection } from '../ports/follower-door.ts';

/** Of one tenant. */
const followerConnectionsPerTenantMax = 200;

export class FollowerCounts {
  #listed = new Map<string, number>();
  #beforeLook = new Map<string, number>();
  #admitted = new Map<string, number>();

  isFull(tenant: string): boolean {
    const all = [this.#listed, this.#beforeLook, this.#admitted];
    return all.reduce((sum, counts) => sum + (counts.get(tenant) ?? 0), 0) >= followerConnectionsPerTenantMax;
  }

  admit(tenant: string): void {
    this.#admitted.set(tenant, (this.#admitted.get(tenant) ?? 0) + 1);
  }

  /** Whoever is let in from now on may be missing in what the look finds. */
  beginLook(): void {
    this.#beforeLook = this.#admitted;
    this.#admitted = new Map();
  }

  /** Returns those that are too many, the same ones in every gateway that has found the same. */
  endLook(found: readonly FollowerConnection[]): readonly FollowerConnection[] {
    this.#beforeLook = new Map();
    this.#listed = new Map();
    const inOrder = found.toSorted((one, other) => (one.id < other.id ? -1 : 1));
    return inOrder.filter(({ user }) => {
      const tenant = parseFollowerUser(user)?.tenant;
      if (tenant === undefined) return false;
      const count = (this.#listed.get(tenant) ?? 0) + 1;
      this.#listed.set(tenant, count);
      return count > followerConnectionsPerTenantMax;
    });
  }
}
