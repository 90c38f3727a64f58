// A server that speaks AWS KMS, for the tests: local-kms, built with Go. `node scripts/kms-server.ts` builds it and prints its
// path.
import { findGoProgram, type FoundProgram, printWhenRun } from './go-program.ts';

const localKms = {
  name: 'local-kms',
  from: 'github.com/nsmithuk/local-kms',
  version: 'v0.0.0-20260228092603-2a5e92d09ab6',
};

export function findKmsServer(say: (line: string) => void): Promise<FoundProgram> {
  return findGoProgram(localKms, say);
}

await printWhenRun(import.meta.url, findKmsServer);
