/** The first jobs that a new user sees: real work on the small files in `examples/data`. */
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import type { JobDraft } from '../../client/index.ts';

export interface Sample {
  readonly draft: JobDraft;
  readonly label: string;
  /** How the job must end. */
  readonly expected: 'SUCCEEDED';
}

/** Tiles of one picture. All together take about a second on one core. */
const fractalTiles = 8;
const fractal = { width: 480, height: 360, maxIterations: 1_200 };
const fractalCentre = { x: -0.743_643_887, y: 0.131_825_904 };

export function sampleJobs(dataDir: string): readonly Sample[] {
  return [...fileSamples(dataDir), ...fractalSamples()];
}

function fileSamples(dataDir: string): Sample[] {
  return readdirSync(dataDir)
    .sort()
    .flatMap((file): Sample[] => {
      const handler = handlerOf(extname(file).toLowerCase());
      if (handler === undefined) return [];
      const input = new Uint8Array(readFileSync(join(dataDir, file)));
      return [{ draft: { handler, input }, label: `${handler} ${file}`, expected: 'SUCCEEDED' }];
    });
}

function handlerOf(extension: string): string | undefined {
  switch (extension) {
    case '.jpg':
    case '.jpeg':
    case '.png':
      return 'image.thumbnail';
    case '.csv':
      return 'csv.summarize';
    default:
      return undefined;
  }
}

export function fractalSamples(): Sample[] {
  return Array.from({ length: fractalTiles }, (_, tile) => {
    const scale = 0.02 / 2 ** tile;
    return {
      draft: { handler: 'fractal.render', input: { ...fractalCentre, scale, ...fractal } },
      label: `fractal.render zoom ${2 ** tile}`,
      expected: 'SUCCEEDED',
    };
  });
}
