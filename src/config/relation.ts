/** What a rule between keys of the configuration is. */
import type { Config } from './schema.ts';

export interface Relation {
  readonly keys: readonly string[];
  /** What must hold, for the reference. */
  readonly rule: string;
  /** Undefined if the rule holds; otherwise what is wrong, with the values. */
  readonly check: (config: Config) => string | undefined;
}

export function requires(holds: boolean, complaint: string): string | undefined {
  return holds ? undefined : complaint;
}
