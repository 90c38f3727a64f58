/** Defaults of single commands, below flags, environment and file. The reference page is generated from them. */
import type { ConfigInput } from './schema.ts';

/** `troupe dev`: one machine, perhaps with a person at its terminal. */
export function devPreset({ isTerminal }: { readonly isTerminal: boolean }): ConfigInput {
  return {
    shards: { count: 4 },
    gateway: { reflection: true, web: { port: 8_081 } },
    log: { pretty: isTerminal, level: isTerminal ? 'warn' : 'info' },
  };
}

/** `troupe migrate` prints its own lines about what it did. */
export const migratePreset: ConfigInput = { log: { level: 'warn' } };
