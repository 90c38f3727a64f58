/**
 * Chooses the manifest that represents a handler when a job is submitted. Several versions may be live at once. The
 * newest one that satisfies the requested version provides the schema and the defaults. The job is kept away from
 * versions whose schema refuses its input. Pure.
 */
import type { HandlerManifest } from '../../domain/handler-manifest.ts';
import { atLeast, compareVersions, meetsVersion } from '../../domain/handler-need.ts';

export interface HandlerChoice {
  /** Newest first: the version that represents the handler, then the others that may run the job. */
  readonly manifests: readonly [HandlerManifest, ...HandlerManifest[]];
}

/**
 * Chooses among the published versions that are live. If no suitable version is live, it takes the newest published
 * one, and the job waits for it. Undefined if none was published.
 */
export function chooseHandler(
  published: readonly HandlerManifest[],
  asked: string | undefined,
  liveVersions: () => readonly string[],
): HandlerChoice | undefined {
  const meets = asked === undefined ? published : published.filter(({ version }) => meetsVersion(version, asked));
  const [only] = meets;
  if (only === undefined) return undefined;
  if (meets.length === 1) return { manifests: [only] };
  const newestFirst = [...meets].sort((a, b) => compareVersions(b.version, a.version));
  const live = liveVersions();
  const [first, ...others] = newestFirst.filter(({ version }) => live.includes(version));
  return { manifests: first === undefined ? [newestFirst[0] ?? only] : [first, ...others] };
}

/**
 * The version requirement that is recorded with the job. It is the requested one unless a live version refuses the
 * input. In that case it is a minimum: the oldest version that accepts the input together with all newer ones. The
 * newest version accepts it, because otherwise the job would have been refused.
 */
export function versionFor(
  { manifests }: HandlerChoice,
  asked: string | undefined,
  accepts: (manifest: HandlerManifest) => boolean,
): string | undefined {
  let [oldest] = manifests;
  for (const older of manifests.slice(1)) {
    if (!accepts(older)) return atLeast(oldest.version);
    oldest = older;
  }
  return asked;
}
