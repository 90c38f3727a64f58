/** A change of the flow rule of a queue: what was typed, as a request that names only what changed, and as a command. */
import type { FlowRule, Queue } from '../wire/shapes.ts';
import { cliLine } from './cli-lines.ts';

/** As the fields have it. Empty: no limit. */
export interface FlowDraft {
  readonly maxRunning: string;
  readonly maxRunningPerKey: string;
  readonly perSecond: string;
  readonly burst: string;
}

export interface FlowChange {
  /** Empty: nothing has changed. */
  readonly paths: readonly string[];
  readonly flow: FlowRule;
  readonly flags: readonly string[];
}

export function draftOf(flow: FlowRule = {}): FlowDraft {
  const text = (value: number | undefined): string => (value === undefined ? '' : String(value));
  const { maxRunning, maxRunningPerKey, rate } = flow;
  return {
    maxRunning: text(maxRunning),
    maxRunningPerKey: text(maxRunningPerKey),
    perSecond: text(rate?.perSecond),
    burst: text(rate?.burst),
  };
}

/** What is wrong with it, by field. The gateway has the last word; this one is at once. */
export function wrongFields(draft: FlowDraft): ReadonlyMap<keyof FlowDraft, string> {
  const wrong = new Map<keyof FlowDraft, string>();
  const check = (field: keyof FlowDraft, isGood: (value: number) => boolean, rule: string): void => {
    const text = draft[field].trim();
    if (text !== '' && !(/^\d+(\.\d+)?$/.test(text) && isGood(Number(text)))) wrong.set(field, rule);
  };
  const whole = (most: number) => (value: number) => Number.isInteger(value) && value >= 1 && value <= most;
  check('maxRunning', whole(1_000_000), '1 to 1,000,000, or empty for no limit');
  check('maxRunningPerKey', whole(100_000), '1 to 100,000, or empty for 1');
  check('perSecond', (value) => value >= 0.001 && value <= 100_000, '0.001 to 100,000, or empty for no limit');
  check('burst', whole(100_000), '1 to 100,000, or empty for the starts of a second');
  if (draft.burst.trim() !== '' && draft.perSecond.trim() === '') wrong.set('burst', 'needs a rate');
  return wrong;
}

export function flowChange(before: FlowDraft, draft: FlowDraft): FlowChange {
  const paths: string[] = [];
  const flags: string[] = [];
  let flow: FlowRule = {};
  const text = (field: keyof FlowDraft): string => draft[field].trim();
  if (text('maxRunning') !== before.maxRunning) {
    paths.push('flow.maxRunning');
    flags.push('--max-running', text('maxRunning') || '0');
    if (text('maxRunning') !== '') flow = { ...flow, maxRunning: Number(text('maxRunning')) };
  }
  if (text('maxRunningPerKey') !== before.maxRunningPerKey) {
    paths.push('flow.maxRunningPerKey');
    flags.push('--max-running-per-key', text('maxRunningPerKey') || '0');
    if (text('maxRunningPerKey') !== '') flow = { ...flow, maxRunningPerKey: Number(text('maxRunningPerKey')) };
  }
  if (text('perSecond') !== before.perSecond || text('burst') !== before.burst) {
    paths.push('flow.rate');
    const burst = text('burst');
    flags.push('--rate', text('perSecond') === '' ? '0' : `${text('perSecond')}${burst === '' ? '' : `:${burst}`}`);
    const rate = { perSecond: Number(text('perSecond')) };
    if (text('perSecond') !== '') flow = { ...flow, rate: burst === '' ? rate : { ...rate, burst: Number(burst) } };
  }
  return { paths, flow, flags };
}

/** The request. A path that is named and has no value loses its limit. */
export function flowUpdate(
  { name = '', version = 0 }: Queue,
  { paths, flow }: Pick<FlowChange, 'paths' | 'flow'>,
): object {
  return { name, version, settings: { flow }, updateMask: paths.join(',') };
}

export function flowCli(
  { name = '', version = 0 }: Queue,
  { flags }: Pick<FlowChange, 'flags'>,
  auditReason: string,
): string {
  return cliLine(['queues', 'update', name, ...flags, '--if-version', String(version)], auditReason);
}
