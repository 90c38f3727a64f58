// What a log line looks like, what never gets into it, and that the last one is not lost.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { createLogger, type LoggerOptions, redactedFields } from '../../../../src/adapters/telemetry/logger.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';

function capture(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const write = (line: string): void => {
    lines.push(line);
  };
  return { log: createLogger({ level: 'info', pretty: false, write, ...options }), lines };
}

function parse(line: string | undefined): Record<string, unknown> {
  return JSON.parse(line ?? 'null') as Record<string, unknown>;
}

describe('createLogger', () => {
  it('writes one JSON line with level, time, bindings and message', () => {
    const { log, lines } = capture({ bindings: { node: 'n1' } });
    log.child({ component: 'shard' }).info({ jobId: 'j' }, 'job accepted');
    expect(lines).toHaveLength(1);
    expect(parse(lines[0])).toMatchObject({ level: 'info', node: 'n1', component: 'shard', jobId: 'j' });
    expect(parse(lines[0])).toMatchObject({
      msg: 'job accepted',
      time: expect.stringMatching(/^\d{4}-.*Z$/) as string,
    });
  });

  it('leaves out what is below its level', () => {
    const { log, lines } = capture({ level: 'warn' });
    log.debug({}, 'a');
    log.info({}, 'b');
    log.warn({}, 'c');
    log.error({}, 'd');
    expect(lines.map((line) => parse(line)['msg'])).toEqual(['c', 'd']);
  });

  it.each(redactedFields)('never writes %s', (field) => {
    const { log, lines } = capture();
    log.info({ [field]: 'hunter2', deeper: { [field]: 'hunter2' } }, 'message');
    expect(lines[0]).not.toContain('hunter2');
    expect(parse(lines[0])[field]).toBe('[redacted]');
  });

  it('writes errors with their code, cause and stack', () => {
    const { log, lines } = capture();
    const error = new TroupeError('STORE_UNAVAILABLE', { cause: new Error('socket closed') });
    log.error({ err: error }, 'commit failed');
    const err = parse(lines[0])['err'] as Record<string, string>;
    expect(err['errCode']).toBe('STORE_UNAVAILABLE');
    expect(err['stack']).toContain('socket closed');
  });

  it('writes lines for people when told to', () => {
    const { log, lines } = capture({ pretty: true });
    log.info({ port: 1 }, 'ready');
    expect(lines.join('')).toMatch(/INFO.*ready/);
  });

  it('writes everything before the process exits, also without a flush', () => {
    const module = fileURLToPath(new URL('../../../../src/adapters/telemetry/logger.ts', import.meta.url));
    const script = `import { createLogger } from ${JSON.stringify(module)};
      const log = createLogger({ level: 'info', pretty: false });
      setTimeout(() => { for (let n = 0; n < 500; n += 1) log.info({ n }, 'line'); process.exit(0); }, 20);`;
    const output = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
    expect(output.trim().split('\n')).toHaveLength(500);
  });
});
