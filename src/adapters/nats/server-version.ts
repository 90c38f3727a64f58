/** The versions of nats-server that we accept. Older ones lack fixes that the work queue needs (docs/adr/0004). */
import { TroupeError } from '../../domain/errors.ts';

/** A node refuses to start with an older server. */
export const acceptedServer = [2, 14, 5] as const;
/** A node logs a warning about an older server. */
export const recommendedServer = [2, 14, 6] as const;

export type VersionVerdict = 'ok' | 'old';

/** Throws BROKER_UNAVAILABLE if the server is too old. A version that cannot be read is accepted. */
export function checkServerVersion(version: string): VersionVerdict {
  if (isBelow(version, acceptedServer)) {
    throw new TroupeError('BROKER_UNAVAILABLE', {
      message: `nats-server ${version} is too old: use ${acceptedServer.join('.')} or newer, 2.15 is recommended`,
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
