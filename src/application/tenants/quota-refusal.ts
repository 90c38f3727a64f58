/** How a quota refuses something: it is told and counted, and the caller learns the quota, its limit and the use. */
import { TroupeError } from '../../domain/errors.ts';
import { retryAfterMs } from '../../domain/retry-after.ts';
import type { Random } from '../ports/runtime.ts';
import type { QuotaAlarms, QuotaUse } from './quota-alarms.ts';

interface Refused {
  readonly message: string;
  /** How fast places come free, 0 if nobody knows. */
  readonly perSecond: number;
  /** How many are refused with it. Default: 1. */
  readonly times?: number;
}

export function quotaRefusal(
  { alarms, random }: { readonly alarms: QuotaAlarms; readonly random: Random },
  use: QuotaUse,
  { message, perSecond, times = 1 }: Refused,
): TroupeError {
  alarms.refused(use, times);
  return new TroupeError('QUOTA_EXCEEDED', {
    message,
    metadata: { quota: use.quota, limit: String(use.limit), used: String(Math.floor(use.used)) },
    retryAfterMs: retryAfterMs({ excess: 1, perSecond, random: random() }),
  });
}
