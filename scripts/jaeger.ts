// Jaeger with everything in one process, for the drills: built with Go. `node scripts/jaeger.ts` builds it and prints its path.
import { findGoProgram, type FoundProgram, printWhenRun } from './go-program.ts';

const jaeger = {
  name: 'all-in-one',
  from: 'github.com/jaegertracing/jaeger/cmd/all-in-one',
  version: 'v1.76.0',
  insideOf: 'github.com/jaegertracing/jaeger',
};

export function findJaeger(say: (line: string) => void): Promise<FoundProgram> {
  return findGoProgram(jaeger, say);
}

await printWhenRun(import.meta.url, findJaeger);
