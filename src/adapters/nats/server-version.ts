/** Which servers will do: older ones lack fixes that the work queue needs (docs/adr/0004). */
import { TroupeError } from '../../domain/errors.ts';

/** Nodes refuse an older one. */
export const acceptedServer = [2, 14, 5] as const;
/** Nodes warn about an older one. */
export const recommendedServer = [2, 14, 6] as const;

export type VersionVerdict = 'ok' | 'old';

/** Throws when the server is too old to be used. */
export function checkServerVersion(version: string): VersionVerdict {
  if (isBelow(version, acceptedServer)) {
    throw new TroupeError('BROKER_UNAVAILABLE', {
      message: `nats-server ${version} is too old: ${acceptedServer.join('.')} or newer is needed, 2.15 is best`,
    });
  }
  return isBelow(version, recommendedServer) ? 'old' : 'ok';
}

function isBelow(version: string, floor: readonly [number, number, number]): boolean {
  const match = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version);
  if (match === null) return false;
  for (const [index, wanted] of floor.entries()) {
    const found = Number(match[index + 1]);
    if (found !== wanted) return found < wanted;
  }
  return false;
}
