/** The editor of a flow rule: only what was changed is sent, and the command says the same. */
import { describe, expect, it } from 'vitest';
import { draftOf, flowChange, flowCli, flowUpdate, wrongFields } from '../../../console/src/text/flow-change.ts';

const queue = { name: 'mails', version: 7, settings: { flow: { maxRunning: 40, rate: { perSecond: 10, burst: 50 } } } };
const before = draftOf(queue.settings.flow);

describe('a change of a flow rule', () => {
  it('names nothing when nothing has changed', () => {
    expect(flowChange(before, before).paths).toEqual([]);
  });

  it('names what has changed, by the version that was seen', () => {
    const change = flowChange(before, { ...before, maxRunning: '12', burst: '' });
    expect(flowUpdate(queue, change)).toEqual({
      name: 'mails',
      version: 7,
      settings: { flow: { maxRunning: 12, rate: { perSecond: 10 } } },
      updateMask: 'flow.maxRunning,flow.rate',
    });
    expect(flowCli(queue, change, 'INC-1')).toBe(
      'troupe queues update mails --max-running 12 --rate 10 --if-version 7 --audit-reason INC-1',
    );
  });

  it('takes a limit away that is left empty', () => {
    const change = flowChange(before, { ...before, maxRunning: '', perSecond: '', burst: '' });
    expect(flowUpdate(queue, change)).toMatchObject({
      settings: { flow: {} },
      updateMask: 'flow.maxRunning,flow.rate',
    });
    expect(flowCli(queue, change, '')).toBe('troupe queues update mails --max-running 0 --rate 0 --if-version 7');
  });

  it('says at once what cannot be', () => {
    const wrong = wrongFields({ maxRunning: '0', maxRunningPerKey: '1.5', perSecond: '1e9', burst: 'x' });
    expect([...wrong.keys()]).toEqual(['maxRunning', 'maxRunningPerKey', 'perSecond', 'burst']);
    expect([...wrongFields({ ...before, perSecond: '' }).keys()]).toEqual(['burst']);
    expect(wrongFields(before).size).toBe(0);
  });
});
