/**
 * Room of a fixed size that tenants share. A tenant may take what nobody uses, but for a tenth of it: so whoever comes
 * next finds room, however many calls another one makes, and nothing has to be reserved for anybody.
 */

/** A tenant may use at most so many times what is free. Alone, that is nine tenths of the whole. */
const timesFree = 9;

interface RoomInUse {
  /** Of the tenant. */
  readonly own: number;
  /** Of all. */
  readonly used: number;
  readonly max: number;
}

/**
 * How much must become free before the tenant may take `amount` more. 0: it may. A large amount is measured by what it leaves
 * free, as if it were taken one after the other.
 */
export function lackOf({ own, used, max }: RoomInUse, amount: number): number {
  const beyondAll = used + amount - max;
  // What becomes free of its own counts twice: there is more room, and the tenant has less of it.
  const beyondShare = Math.ceil((own + amount - timesFree * (max - used - amount + 1)) / (timesFree + 1));
  return Math.max(0, beyondAll, beyondShare);
}

export class SharedRoom {
  readonly max: number;
  #used = 0;
  readonly #byTenant = new Map<string, number>();

  constructor(max: number) {
    this.max = max;
  }

  get used(): number {
    return this.#used;
  }

  usedBy(tenant: string): number {
    return this.#byTenant.get(tenant) ?? 0;
  }

  /** As `lackOf`. */
  lacks(tenant: string, amount: number): number {
    return lackOf({ own: this.usedBy(tenant), used: this.#used, max: this.max }, amount);
  }

  take(tenant: string, amount: number): void {
    this.#used += amount;
    this.#byTenant.set(tenant, this.usedBy(tenant) + amount);
  }

  release(tenant: string, amount: number): void {
    this.#used -= amount;
    const left = this.usedBy(tenant) - amount;
    if (left > 0) this.#byTenant.set(tenant, left);
    else this.#byTenant.delete(tenant);
  }
}
