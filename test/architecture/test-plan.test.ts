// What `npm test` runs side by side: the plan keeps its bounds, and has every suite.
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextStep, planOf, type PlannedStep, type Step } from '../../scripts/test/plan.ts';
import { root, testSteps } from '../../scripts/test/steps.ts';
import vitestConfig from '../../vitest.config.ts';

const laptop = { cores: 2, sideBySide: 3 };

function timed(name: string, more: Partial<Step> = {}): Step {
  return { name, pace: 'timed', busy: 0.5, seconds: 100, ...more };
}

function patient(name: string, more: Partial<Step> = {}): Step {
  return { name, pace: 'patient', busy: 1, seconds: 100, ...more };
}

const spans = (planned: readonly PlannedStep[]): readonly (readonly [string, number, number])[] =>
  planned.map(({ name, fromS, untilS }) => [name, Math.round(fromS), Math.round(untilS)]);

describe('side by side', () => {
  it('run steps that wait, and one that computes on what they leave', () => {
    const steps = [timed('a'), timed('b'), patient('c', { busy: 2 })];
    expect(spans(planOf(steps, laptop))).toEqual([
      ['a', 0, 100],
      ['b', 0, 100],
      ['c', 0, 150],
    ]);
  });

  it('never run more cores than there are, nor what a sensitive step must be spared', () => {
    const hungry = timed('hungry', { busy: 1.2 });
    expect(nextStep([hungry], [timed('a', { busy: 0.8 })], laptop)).toBe(hungry);
    expect(nextStep([hungry], [timed('a', { busy: 1 })], laptop)).toBeUndefined();
    expect(nextStep([hungry], [timed('a', { busy: 0.8, spare: 0.2 })], laptop)).toBeUndefined();
    expect(nextStep([{ ...hungry, spare: 0.2 }], [timed('a', { busy: 0.8 })], laptop)).toBeUndefined();
  });

  it('never run two that hold the same thing, nor one before what it needs', () => {
    const holder = timed('holder', { holds: 'the port' });
    const later = timed('later', { after: ['first'] });
    expect(nextStep([holder], [timed('a', { holds: 'the port' })], laptop)).toBeUndefined();
    expect(nextStep([later], [timed('first')], laptop)).toBeUndefined();
    expect(nextStep([later, timed('first')], [], laptop)?.name).toBe('first');
    expect(nextStep([later], [holder], laptop)).toBe(later);
  });

  it('is what a small machine cannot do: steps that wait run one after the other', () => {
    const planned = planOf([timed('a', { busy: 1.9 }), timed('b')], { cores: 1, sideBySide: 3 });
    expect(spans(planned)).toEqual([
      ['a', 0, 100],
      ['b', 100, 200],
    ]);
  });
});

const anyStep = fc.record({
  pace: fc.constantFrom('timed' as const, 'patient' as const),
  busy: fc.integer({ min: 1, max: 40 }).map((tenths) => tenths / 10),
  seconds: fc.integer({ min: 1, max: 500 }),
  spare: fc.constantFrom(0, 0.5),
  holds: fc.constantFrom('one', 'two', 'three'),
});

it('runs each step once, within the bound, whatever the figures', () => {
  const cores = fc.integer({ min: 1, max: 8 });
  const sideBySide = fc.integer({ min: 1, max: 4 });
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 15 }), cores, sideBySide, (figures, cores, sideBySide) => {
      const steps = figures.map((figure, index): Step => ({ name: `step ${index}`, ...figure }));
      const planned = planOf(steps, { cores, sideBySide });
      expect(planned.map(({ name }) => name).sort()).toEqual(steps.map(({ name }) => name).sort());
      for (const { fromS } of planned) {
        const atOnce = planned.filter((other) => other.fromS <= fromS && other.untilS > fromS + 1e-3);
        expect(atOnce.length).toBeLessThanOrEqual(sideBySide);
      }
    }),
  );
});

describe('what npm test runs', () => {
  const steps = testSteps(join(root, 'build'));

  it('is every project of vitest but the drills', () => {
    const projects = (vitestConfig.test?.projects ?? []).map((project) =>
      typeof project === 'object' && 'test' in project ? project.test.name : undefined,
    );
    const suites = steps.filter(({ args }) => args.includes('--project')).map(({ name }) => name);
    expect([...suites, 'drills'].sort()).toEqual([...projects].sort());
  });

  it('has names of its own, and waits for nothing that is not there', () => {
    const names = steps.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    const missing = steps.flatMap(({ after = [] }) => after).filter((name) => !names.includes(name));
    expect(missing).toEqual([]);
  });

  it('takes twenty minutes at most on two cores, by its figures', () => {
    const untilS = Math.max(...planOf(steps, laptop).map((step) => step.untilS));
    expect(untilS).toBeLessThan(1_200);
  });
});
