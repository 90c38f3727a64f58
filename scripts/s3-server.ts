// A server that speaks S3, for the tests: gofakes3, built with Go. `node scripts/s3-server.ts` builds it and prints its path.
import { findGoProgram, type FoundProgram, printWhenRun } from './go-program.ts';

const gofakes3 = { name: 'gofakes3', from: 'github.com/johannesboyne/gofakes3/cmd/gofakes3', version: 'v1.2.0' };

export function findS3Server(say: (line: string) => void): Promise<FoundProgram> {
  return findGoProgram(gofakes3, say);
}

await printWhenRun(import.meta.url, findS3Server);
