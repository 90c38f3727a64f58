/** Links that lead nowhere, and uploads that count as written as soon as they are begun. */
import type { PayloadLinks } from '../../src/application/ports/payload-links.ts';
import { objectIdText } from '../../src/application/storage/object-id.ts';

export function believedLinks(): PayloadLinks {
  const link = { url: 'https://nowhere.example/', expiresAtMs: Date.now() + 60_000 };
  return {
    toRead: async () => ({ ...link, bytes: 0, sha256: new Uint8Array(32) }),
    uploads: {
      lifetimeMs: 60_000,
      begin: async () => ({ ...link, headers: {} }),
      find: async ({ bytes, sha256 }) => ({ bytes, sha256 }),
      keep: async (upload) => objectIdText(upload),
    },
  };
}
