/** What a command takes where flags, environment and file say nothing else. The reference page is made from it. */
import type { ConfigInput } from './schema.ts';

/** `troupe dev`: one machine, and perhaps a person in front of it. */
export function devPreset({ isTerminal }: { readonly isTerminal: boolean }): ConfigInput {
  return {
    shards: { count: 4 },
    gateway: { reflection: true },
    log: { pretty: isTerminal, level: isTerminal ? 'warn' : 'info' },
  };
}

/** `troupe migrate`: its own lines say what it did. */
export const migratePreset: ConfigInput = { log: { level: 'warn' } };
