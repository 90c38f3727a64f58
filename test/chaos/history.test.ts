// The checker of the other tests must catch what it is there for: a good history with one fault in it each.
import { describe, expect, it } from 'vitest';
import { type EventSighting, type Execution, History, mostAtOnce } from '../support/cluster-history.ts';

interface Story {
  readonly history: History;
  events: EventSighting[];
  executions: Execution[];
}

const view = (id: string, state: 'QUEUED' | 'RUNNING' | 'SUCCEEDED' | 'FAILED', seq: number, output?: unknown) => ({
  id,
  state,
  seq,
  ...(output !== undefined && { output }),
});
const event = (jobId: string, seq: number, type: string): EventSighting => ({
  jobId,
  seq,
  type,
  id: `${jobId}.${seq}`,
});
const ran = (jobId: string, what: Execution['what']): Execution => ({ what, jobId, attempt: 1, pid: 1, atMs: 0 });

function good(): Story {
  const history = new History();
  history.accepted('j', 'k');
  history.saw('watch', view('j', 'QUEUED', 1));
  history.saw('watch', view('j', 'RUNNING', 2));
  history.saw('watch', view('j', 'SUCCEEDED', 3, 42));
  history.saw('get', view('j', 'SUCCEEDED', 3, 42));
  history.saw('final', view('j', 'SUCCEEDED', 3, 42));
  const events = [event('j', 1, 'queued'), event('j', 2, 'started'), event('j', 3, 'succeeded')];
  return { history, events, executions: [ran('j', 'start'), ran('j', 'end')] };
}

const faults: readonly (readonly [string, (story: Story) => void, RegExp])[] = [
  ['a job that was accepted and is nowhere', ({ history }) => history.accepted('lost', 'k2'), /lost was accepted/],
  ['two jobs for one key', ({ history }) => history.accepted('j2', 'k'), /key k made 2 jobs/],
  ['another end for another reader', ({ history }) => history.saw('get', view('j', 'FAILED', 3)), /ended in/],
  ['an end that changed later', ({ history }) => history.saw('get', view('j', 'SUCCEEDED', 4, 42)), /ended in/],
  ['a result that changed', ({ history }) => history.saw('get', view('j', 'SUCCEEDED', 3, 43)), /2 results/],
  ['a watch that went back', ({ history }) => history.saw('watch', view('j', 'RUNNING', 2)), /went back/],
  [
    'an event that is missing',
    (story) => (story.events = story.events.filter(({ seq }) => seq !== 2)),
    /where 2 was due/,
  ],
  ['events out of order', (story) => story.events.reverse(), /was due/],
  ['no event of the end', (story) => story.events.pop(), /no event tells the end/],
  ['an event after the end', (story) => story.events.push(event('j', 4, 'queued')), /after the end/],
  [
    'another event under the same id',
    (story) => story.events.push(event('j', 3, 'failed')),
    /was succeeded and failed/,
  ],
  ['a run of a job that nobody submitted', (story) => story.executions.push(ran('ghost', 'start')), /never accepted/],
  ['a success that nothing ran for', (story) => (story.executions = []), /without a run/],
];

describe('the check of a history', () => {
  it('finds nothing in a good one, nor in one whose events came twice', () => {
    const { history, events, executions } = good();
    expect(history.check({ events: events.flatMap((one) => [one, one]), executions })).toEqual([]);
  });

  it('allows events of before the end behind it if NATS has lost data, and none that follow the end', () => {
    const lossy = (late: EventSighting): readonly string[] => {
      const history = new History();
      history.accepted('j', 'k');
      history.excuseEvents();
      history.saw('final', view('j', 'SUCCEEDED', 3, 42));
      const executions = [ran('j', 'start'), ran('j', 'end')];
      return history.check({ events: [event('j', 3, 'succeeded'), late], executions });
    };
    expect(lossy(event('j', 1, 'queued'))).toEqual([]);
    expect(lossy(event('j', 4, 'queued'))).toEqual(['event j.4 (queued) came after the end']);
  });

  it.each(faults)('finds %s', (_what, spoil, complaint) => {
    const story = good();
    spoil(story);
    const { history, events, executions } = story;
    expect(history.check({ events, executions }).join('\n')).toMatch(complaint);
  });
});

describe('most attempts at once', () => {
  const at = (atMs: number, jobId: string, what: Execution['what']): Execution => ({ ...ran(jobId, what), atMs });

  it('counts those that overlap', () => {
    const ledger = [
      at(0, 'a', 'start'),
      at(1, 'b', 'start'),
      at(2, 'a', 'end'),
      at(2, 'c', 'start'),
      at(3, 'b', 'end'),
    ];
    expect(mostAtOnce([...ledger, at(4, 'c', 'end')], 9)).toBe(2);
    expect(mostAtOnce([at(0, 'd', 'start'), ...ledger, at(4, 'c', 'end'), at(5, 'd', 'stopped')], 9)).toBe(3);
  });

  it('ends what has no end with its node', () => {
    expect(mostAtOnce([at(0, 'a', 'start'), at(6, 'b', 'start'), at(7, 'b', 'end')], 5)).toBe(1);
    expect(mostAtOnce([at(4, 'a', 'start'), at(6, 'b', 'start'), at(7, 'b', 'end')], 9)).toBe(2);
  });

  it('tells two runs under one number apart, whose first claim died with its owner', () => {
    const between = [at(3, 'b', 'start'), at(4, 'b', 'end'), at(8, 'a', 'start'), at(9, 'a', 'end')];
    expect(mostAtOnce([at(0, 'a', 'start'), ...between], 2)).toBe(1);
    expect(mostAtOnce([at(0, 'a', 'start'), at(1, 'a', 'end'), ...between], 2)).toBe(1);
  });
});
