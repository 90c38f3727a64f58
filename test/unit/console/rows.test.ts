/** Rows of the console: a log, JSON, a payload, the tree of actors, words of enums. */
import { describe, expect, it } from 'vitest';
import { actorRows, isTroubled } from '../../../console/src/text/actor-rows.ts';
import { membersOf, nodeOf } from '../../../console/src/text/json-rows.ts';
import { logRows } from '../../../console/src/text/log-rows.ts';
import { payloadView } from '../../../console/src/text/payload-view.ts';
import { codeOf, gradeTone, isFinalJob, jobTone, wordOf } from '../../../console/src/text/words.ts';

describe('a log', () => {
  const lines = [
    { attempt: 1, number: 1, level: 'LOG_LEVEL_INFO', text: 'begins', time: '2026-11-30T12:00:00Z' },
    { attempt: 1, number: 5, level: 'LOG_LEVEL_ERROR', text: 'Breaks' },
    { attempt: 2, number: 1, level: 'LOG_LEVEL_INFO', text: 'begins again' },
  ];

  it('says which attempt, and what was dropped', () => {
    expect(logRows({ lines }, '').map((row) => (row.kind === 'gap' ? row.text : `${row.level} ${row.text}`))).toEqual([
      'attempt 1',
      'info begins',
      '3 lines were dropped',
      'error Breaks',
      'attempt 2',
      'info begins again',
    ]);
  });

  it('has the lines that were looked for, in any case of letters', () => {
    const found = logRows({ lines }, 'BREAKS').filter(({ kind }) => kind === 'line');
    expect(found.map(({ text }) => text)).toEqual(['Breaks']);
    expect(logRows({}, '')).toEqual([]);
  });
});

describe('JSON', () => {
  it('is a tree that is made as far as it is opened', () => {
    const node = nodeOf(
      'list',
      Array.from({ length: 1_000 }, (_, n) => n),
    );
    expect(node).toMatchObject({ key: 'list', kind: 'list', text: '[1000]' });
    const { nodes, left } = membersOf(node, 200);
    expect([nodes.length, left, nodes[0]]).toEqual([200, 800, { key: '0', kind: 'number', text: '0', value: 0 }]);
    expect(['"a', null, {}].map((value) => nodeOf(undefined, value).text)).toEqual([String.raw`"\"a"`, 'null', '{0}']);
    expect(membersOf(nodeOf(undefined, 'text'), 1)).toEqual({ nodes: [], left: 0 });
  });
});

describe('a payload', () => {
  it('is a tree if it is small, else its first part as text', () => {
    expect(payloadView({ json: '{"a":"ü"}' })).toMatchObject({
      kind: 'tree',
      value: { a: 'ü' },
      sizeBytes: 10,
      isCut: false,
    });
    const large = payloadView({ json: JSON.stringify('x'.repeat(300_000)) });
    expect([large.kind, large.text.length, large.isCut, large.bytes?.().length]).toEqual([
      'text',
      262_144,
      true,
      300_002,
    ]);
    expect(payloadView({ json: 'no json' })).toMatchObject({ kind: 'text', text: 'no json' });
  });

  it('of bytes is shown by digits', () => {
    const view = payloadView({ data: Buffer.from('<b>\n').toString('base64') });
    expect(view).toMatchObject({ kind: 'text', sizeBytes: 4, isCut: false, isJson: false });
    expect(view.text).toMatch(/^000000 {2}3c 62 3e 0a +<b>\.$/);
    expect(payloadView({ data: Buffer.alloc(5_000).toString('base64') }).isCut).toBe(true);
  });

  it('that is not there says why', () => {
    const kinds = [undefined, {}, { gone: 'PAYLOAD_GONE_ERASED' }, { withheldBytes: '7' }, { largeBytes: '7' }];
    expect(kinds.map((payload) => payloadView(payload).kind)).toEqual(['none', 'none', 'gone', 'withheld', 'large']);
  });
});

describe('actors', () => {
  const actors = [
    { node: 'north', path: '/' },
    { node: 'north', path: '/node' },
    { node: 'north', path: '/node/shards', mailboxSize: 9, mailboxCapacity: 10 },
    { node: 'north', path: '/node/workers' },
    { node: 'south', path: '/' },
  ];

  it('are a tree by their paths', () => {
    expect(actorRows(actors, '', false).map(({ name, depth }) => [name, depth])).toEqual([
      ['north', 0],
      ['node', 1],
      ['shards', 2],
      ['workers', 2],
      ['south', 0],
    ]);
  });

  it('are found with those above them: by a part of the path, or because they are in trouble', () => {
    expect(actorRows(actors, 'WORK', false).map(({ name }) => name)).toEqual(['north', 'node', 'workers']);
    expect(actorRows(actors, '', true).map(({ name }) => name)).toEqual(['north', 'node', 'shards']);
    expect([isTroubled({ restarts: 1 }), isTroubled({ state: 'ACTOR_STATE_SUSPENDED' }), isTroubled({})]).toEqual([
      true,
      true,
      false,
    ]);
  });
});

it('words of enums that are not known are shown as they came', () => {
  expect([
    wordOf('JOB_STATE_RUNNING', 'JOB_STATE_'),
    wordOf('JOB_STATE_ON_HOLD', 'JOB_STATE_'),
    wordOf(undefined, 'X'),
  ]).toEqual(['running', 'on hold', '']);
  expect(codeOf('FAILURE_REASON_NODE_LOST', 'FAILURE_REASON_')).toBe('NODE_LOST');
  expect([jobTone('JOB_STATE_FAILED'), jobTone('JOB_STATE_ON_HOLD'), gradeTone('VERDICT_GRADE_UNKNOWN')]).toEqual([
    'bad',
    'plain',
    'plain',
  ]);
  expect([
    isFinalJob({ state: 'JOB_STATE_ON_HOLD' }),
    isFinalJob({ state: 'JOB_STATE_SKIPPED', endTime: 'x' }),
  ]).toEqual([false, true]);
});
