// Files of declared queues: what they mean, and everything that is wrong with them by its path.
import { describe, expect, it } from 'vitest';
import { exactDurationText, parseDurationMs } from '../../../../src/domain/duration-text.ts';
import { parseQueueFile } from '../../../../src/cli/queues/declared-file.ts';
import fc from 'fast-check';

const full = `
queues:
  plain:
  images:
    executionTimeout: 5m
    heartbeatTimeout: none
    retention: 1d12h
    payloadRetention: 6h
    maxDepth: 100000
    maxBytes: none
    retry: { maxAttempts: 5, initialDelay: 500ms, coefficient: 2, maxDelay: 1m, nonRetryableCodes: [NO_CARD] }
    flow:
      paused: true
      maxRunning: 20
      maxRunningPerKey: 2
      rate: { perSecond: 10, burst: 50 }
      fairnessWeights: { gold: 5 }
`;

describe('a file of queues', () => {
  it('is YAML or JSON, with durations in words', () => {
    const declared = parseQueueFile('queues.yaml', full);
    expect([...declared]).toEqual([
      ['plain', {}],
      [
        'images',
        {
          executionTimeoutMs: 300_000,
          heartbeatTimeoutMs: null,
          retentionMs: 129_600_000,
          payloadRetentionMs: 21_600_000,
          maxDepth: 100_000,
          maxBytes: null,
          retry: {
            maxAttempts: 5,
            initialDelayMs: 500,
            coefficient: 2,
            maxDelayMs: 60_000,
            nonRetryableCodes: ['NO_CARD'],
          },
          flow: {
            paused: true,
            maxRunning: 20,
            maxRunningPerKey: 2,
            rate: { perSecond: 10, burst: 50 },
            fairnessWeights: { gold: 5 },
          },
        },
      ],
    ]);
    expect(parseQueueFile('q.json', '{"queues":{"a":{"maxDepth":0}}}').get('a')).toEqual({ maxDepth: null });
  });

  it.each([
    ['queues:\n  __proto__: {}\n', 'queues.__proto__'],
    ['{"queues":{"a":{},"__proto__":{"maxDepth":1}}}', 'queues.__proto__'],
    ['queues: { a: { flow: { fairnessWeights: { __proto__: 3 } } } }', 'queues.a.flow.fairnessWeights.__proto__'],
  ])('says which name it would lose: %s', (text, path) => {
    expect(() => parseQueueFile('queues.yaml', text)).toThrow(`\n  ${path}: is not an allowed name`);
  });

  it.each(['toString', 'constructor', 'hasOwnProperty'])('takes %s as a name', (name) => {
    const text = JSON.stringify({ queues: { [name]: { flow: { fairnessWeights: { [name]: 3 } } } } });
    expect(parseQueueFile('q.json', text).get(name)).toEqual({ flow: { fairnessWeights: { [name]: 3 } } });
  });

  it('is refused with the path of everything that is wrong', () => {
    const bad = `
queues:
  bad name: {}
  a:
    executionTimeout: 5
    maxDepth: -1
    maxBytes: 1.5
    unheardOf: 1
    retry: { initialDelay: 2m, maxDelay: 1m, more: 1 }
    flow: { rate: { burst: 2 }, fairnessWeights: { gold: 5000 }, paused: maybe }
  b: { executionTimeout: 10s, heartbeatTimeout: 11s, retention: 1h, payloadRetention: 2h }
tenants: {}
`;
    let message = '';
    try {
      parseQueueFile('bad.yaml', bad);
    } catch (error) {
      message = error instanceof Error ? error.message : '';
    }
    const lines = message.split('\n').map((line) => line.trim());
    expect(lines).toEqual(
      expect.arrayContaining([
        'bad.yaml is not valid:',
        'queues.bad name: its name must match ^[A-Za-z0-9_-]{1,64}$',
        'queues.a.executionTimeout: must be a duration such as 250ms, 90s, 5m, 1h30m, 7d',
        'queues.a.maxDepth: must be a whole number from 1 to 100,000,000, or none',
        'queues.a.maxBytes: must be a whole number from 1 to 2^50, or none',
        'queues.a.unheardOf: unknown key',
        'queues.a.retry.more: unknown key',
        'queues.a.flow.rate.perSecond: must be 0.001 to 100,000, or none',
        'queues.a.flow.fairnessWeights.gold: must be 1 to 1,000',
        'queues.b.heartbeatTimeout: must be 1 s to the execution timeout (10000 ms)',
        'queues.b.payloadRetention: must be 1 minute to the retention (3600000 ms)',
        'tenants: unknown key',
      ]),
    );
    expect(lines.some((line) => line.startsWith('queues.a.flow.paused:'))).toBe(true);
  });

  it('is refused when it is no document, or names a key twice', () => {
    expect(() => parseQueueFile('x', '{')).toThrow(/^x is neither valid YAML nor JSON/);
    expect(() => parseQueueFile('x', 'queues:\n  a: {}\n  a: {}\n')).toThrow(/^x is neither valid YAML nor JSON/);
    expect(() => parseQueueFile('x', '')).toThrow(/the document: /);
    expect(() => parseQueueFile('x', 'queues: { a: { retry: { initialDelay: 2m, maxDelay: 1m } } }')).toThrow(
      /queues\.a\.retry\.maxDelay: must not be less than initialDelay/,
    );
  });
});

it('writes durations that read back as they were', () => {
  fc.assert(
    fc.property(fc.nat(40 * 86_400_000), (ms) => {
      expect(parseDurationMs(exactDurationText(ms))).toBe(ms);
    }),
  );
});
