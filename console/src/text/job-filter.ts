/** What the list of jobs shows: its filter in the address, as a request, and as a command. */
import { linkTo } from '../site/route.ts';
import { cliLine, flag } from './cli-lines.ts';

export interface JobFilter {
  readonly queue: string;
  /** Empty: any. */
  readonly states: readonly string[];
  readonly handler: string;
  /** `name=value` each. */
  readonly labels: readonly string[];
  /** Id of a kind of failure. Empty: any. */
  readonly kind: string;
  /** How far back, of their creation. */
  readonly since: Since;
}

export const sinces = ['15m', '1h', '6h', '1d', '7d', '30d'] as const;
export type Since = (typeof sinces)[number];

export const sinceMs: Readonly<Record<Since, number>> = {
  '15m': 900_000,
  '1h': 3_600_000,
  '6h': 21_600_000,
  '1d': 86_400_000,
  '7d': 604_800_000,
  '30d': 2_592_000_000,
};

/** The choices above the list. What ended badly comes first: it is what people come for, and it is cheap to find. */
export const choices: readonly { readonly name: string; readonly states: readonly string[] }[] = [
  { name: 'ended badly', states: ['FAILED', 'EXPIRED'] },
  { name: 'waiting', states: ['SCHEDULED', 'QUEUED', 'RETRYING'] },
  { name: 'running', states: ['RUNNING', 'CANCELLING'] },
  { name: 'succeeded', states: ['SUCCEEDED'] },
  { name: 'cancelled', states: ['CANCELLED'] },
  { name: 'all', states: [] },
];

const badStates: readonly string[] = ['FAILED', 'EXPIRED', 'CANCELLED'];

/** Jobs that ended so have entries of their own by queue and day. */
export function isEndedBadly({ states }: Pick<JobFilter, 'states'>): boolean {
  return states.length > 0 && states.every((state) => badStates.includes(state));
}

export function filterOf(query: URLSearchParams): JobFilter {
  const given = query.getAll('state').filter((state) => /^[A-Z_]{1,32}$/.test(state));
  const states = query.has('state') ? given.filter((state) => state !== 'ALL') : ['FAILED', 'EXPIRED'];
  const since = sinces.find((word) => word === query.get('since'));
  return {
    queue: query.get('queue') ?? 'default',
    states,
    handler: query.get('handler') ?? '',
    labels: query.getAll('label').filter((label) => /^[^=]+=/.test(label)),
    kind: query.get('kind') ?? '',
    since: since ?? (isEndedBadly({ states }) ? '7d' : '15m'),
  };
}

export function filterLink({ queue, states, handler, labels, kind, since }: JobFilter): string {
  const isUsual = since === (isEndedBadly({ states }) ? '7d' : '15m');
  return linkTo('jobs', {
    queue,
    state: states.length === 0 ? ['ALL'] : states,
    handler,
    label: labels,
    kind,
    since: isUsual ? undefined : since,
  });
}

/** The part of the request that is the same for all pages. */
export function filterRequest({ states, handler, labels, kind }: JobFilter): object {
  const pairs = labels.map(
    (label) => [label.slice(0, label.indexOf('=')), label.slice(label.indexOf('=') + 1)] as const,
  );
  return {
    ...(states.length === 0 ? {} : { states: states.map((state) => `JOB_STATE_${state}`) }),
    ...(handler === '' ? {} : { handler }),
    ...(kind === '' ? {} : { failureKind: kind }),
    ...(pairs.length === 0 ? {} : { labels: Object.fromEntries(pairs) }),
  };
}

export function beginOf({ since }: JobFilter, nowMs: number): number {
  return nowMs - sinceMs[since];
}

/** Times of the command line have a zone. */
export function filterCli({ queue, states, handler, labels, kind, since }: JobFilter, nowMs: number): string {
  return cliLine([
    'list',
    ...flag('queue', queue),
    ...states.flatMap((state) => flag('state', state)),
    ...flag('handler', handler),
    ...labels.flatMap((label) => flag('label', label)),
    ...flag('kind', kind),
    ...flag('from', `${new Date(nowMs - sinceMs[since]).toISOString().slice(0, 19)}Z`),
  ]);
}
