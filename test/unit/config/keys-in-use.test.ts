// A key that nothing reads is a promise that nothing keeps: each one is used where the system is put together.
import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configKeys } from '../../../src/config/keys.ts';

const source = fileURLToPath(new URL('../../../src/', import.meta.url));
const composition = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((file) => /^(compose\/|cli\/dev)/.test(file) && file.endsWith('.ts'))
  .map((file) => readFileSync(source + file, 'utf8'))
  .join('\n');

describe('every key of the configuration is read', () => {
  it.each(configKeys.map((key) => key.path))('%s', (path) => {
    // A key with a plain name, such as `host`, is looked for with its section.
    const names = path.split('.').slice(-2);
    for (const name of names) expect(composition).toMatch(new RegExp(`\\b${name}\\b`));
  });
});
