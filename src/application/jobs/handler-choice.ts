/**
 * Which manifest stands for a handler when a job is submitted. Several versions may be live at once: the newest that
 * meets what was asked speaks (its schema, its defaults), and the job is kept away from versions whose schema refuses
 * the input. Pure.
 */
import type { HandlerManifest } from '../../domain/handler-manifest.ts';
import { atLeast, compareVersions, meetsVersion } from '../../domain/handler-need.ts';

export interface HandlerChoice {
  /** Newest first: the one that speaks, then the others that the job might meet. */
  readonly manifests: readonly [HandlerManifest, ...HandlerManifest[]];
}

/**
 * Of what was published, what is live; when nothing that will do is live, the newest that ever was: the job waits for
 * it. Undefined when none was published.
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
 * The version that is recorded with the job: what was asked, unless a live version refuses the input; then at least the
 * oldest of the newer ones that all accept it. The newest accepts it, or the job would have been refused.
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
