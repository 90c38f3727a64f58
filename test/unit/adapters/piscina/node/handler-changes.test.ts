// Which changes in the handler folders reload, and that what is written in a loop does so a few times at most.
import { describe, expect, it } from 'vitest';
import { HandlerChanges, restMs } from '../../../../../src/adapters/piscina/node/handler-changes.ts';
import type { HandlerFiles } from '../../../../../src/adapters/piscina/node/handler-files.ts';

type Texts = Readonly<Record<string, string>>;

function files(code: Texts, data: Texts = {}): HandlerFiles {
  const json = Object.entries(data).filter(([name]) => name.endsWith('.json'));
  return {
    handlers: [],
    folders: [],
    hasMoreData: false,
    nameOf: (url) => url,
    sources: new Map([...Object.entries(code), ...json]),
    data: new Map(Object.entries(data)),
  };
}
const calm = { quiet: true, isBroken: false, nowMs: 0 };

function changed(old: HandlerFiles, now: HandlerFiles, seen = calm): string[] {
  return new HandlerChanges().admit(old, now, seen).changes.map(({ file, how }) => `${file} ${how}`);
}

describe('what reloads', () => {
  it('is any change of the code, as soon as it is seen', () => {
    const [old, now] = [
      files({ 'a.ts': '1', 'b.ts': '1', 'c.ts': '1' }),
      files({ 'a.ts': '2', 'b.ts': '1', 'd.ts': '1' }),
    ];
    expect(changed(old, now)).toEqual(['a.ts changed', 'd.ts new', 'c.ts gone']);
    expect(changed(old, now, { ...calm, quiet: false })).toHaveLength(3);
    expect(changed(old, old)).toEqual([]);
  });

  it.each(['x.wasm', 'x.json'])('is another %s, once nothing writes any more; not one that comes or goes', (name) => {
    const [none, one, two] = [files({}), files({}, { [name]: '1' }), files({}, { [name]: '2' })];
    expect(changed(one, two)).toEqual([`${name} changed`]);
    expect(changed(one, two, { ...calm, quiet: false })).toEqual([]);
    expect(changed(none, one)).toEqual([]);
    expect(changed(one, none)).toEqual([]);
  });

  it('is a new data file while a handler does not load: each once, and not for ever', () => {
    const changes = new HandlerChanges();
    const look = (names: string[], nowMs: number) =>
      changes.admit(files({}), files({}, Object.fromEntries(names.map((name) => [name, '1']))), {
        quiet: true,
        isBroken: true,
        nowMs,
      }).changes;
    expect(look(['a'], 0)).toEqual([{ file: 'a', how: 'new' }]);
    expect(look(['a'], 1)).toEqual([]);
    expect([2, 3].map((at) => look(['a', `b${at}`], at).length)).toEqual([1, 1]);
    expect(look(['a', 'c'], 4)).toEqual([]);
    expect(look(['a', 'd'], 4 + restMs)).toHaveLength(1);
  });
});

describe('a data file that is written in a loop', () => {
  it('reloads three times in a minute, is told of once, and again when it has rested for a minute', () => {
    const changes = new HandlerChanges();
    let loaded = files({}, { state: '0', other: '0' });
    const look = (state: number, nowMs: number, other = '0') => {
      const now = files({}, { state: String(state), other });
      const found = changes.admit(loaded, now, { quiet: true, isBroken: false, nowMs });
      if (found.changes.length > 0) loaded = now;
      return found;
    };
    for (const at of [1, 2, 3]) expect(look(at, at * 1_000).changes).toEqual([{ file: 'state', how: 'changed' }]);
    expect(look(4, 4_000)).toEqual({ changes: [], heldNow: ['state'], againInMs: restMs });
    // It goes on for an hour: no reload, no further word.
    for (let at = 5; at < 3_600; at += 1)
      expect(look(at, at * 1_000)).toEqual({ changes: [], heldNow: [], againInMs: restMs });
    // Others reload meanwhile, and bring along what is there.
    expect(look(3_600, 3_600_000, '1').changes).toEqual([{ file: 'other', how: 'changed' }]);
    expect(look(3_601, 3_601_000, '1').changes).toEqual([]);
    // At rest: nothing a moment before, and then what it has become.
    expect(look(3_601, 3_601_000 + restMs - 1, '1')).toMatchObject({ changes: [], againInMs: 1 });
    expect(look(3_601, 3_601_000 + restMs, '1')).toEqual({
      changes: [{ file: 'state', how: 'changed' }],
      heldNow: [],
      againInMs: undefined,
    });
  });

  it('is forgotten when it is gone', () => {
    const changes = new HandlerChanges();
    for (const at of [1, 2, 3, 4])
      changes.admit(files({}, { state: '0' }), files({}, { state: String(at) }), { ...calm, nowMs: at });
    expect(changes.admit(files({}), files({}), { ...calm, nowMs: 5 }).againInMs).toBeUndefined();
  });
});
