/** The keys of the process, and what it seals and opens with them. */
import { randomBytes } from 'node:crypto';
import { type AwsCredentials, createAwsKmsKeys } from '../adapters/keys/aws-kms-keys.ts';
import { createFileKeys, parseKeyFile } from '../adapters/keys/file-keys.ts';
import { createVaultKeys } from '../adapters/keys/vault-keys.ts';
import type { KeyWrapping } from '../application/ports/key-wrapping.ts';
import type { Logger } from '../application/ports/runtime.ts';
import { DataKeys } from '../application/sealing/data-keys.ts';
import type { SealContext } from '../application/sealing/envelope.ts';
import { createRandomPool } from '../application/sealing/random-pool.ts';
import { createSealing, noSealing, type Sealing } from '../application/sealing/sealing.ts';
import { type Config, regionOfArn } from '../config/index.ts';
import { counters, gauges } from '../domain/measures.ts';
import { followConfigured } from './access.ts';
import type { ProcessRuntime } from './runtime.ts';

export interface Encryption {
  readonly sealing: Sealing;
  /** Reads no file any more. */
  readonly close: () => void;
}

export function createEncryption({ encryption }: Config, runtime: ProcessRuntime): Encryption {
  const log = runtime.log.child({ component: 'encryption' });
  const wrapping = keysOf(encryption, { clock: runtime.clock, log });
  if (wrapping === undefined) return { sealing: noSealing, close: () => undefined };
  const requires = requiredIn(encryption.required);
  const { told, damaged } = measured({ ...runtime, log });
  const keys = new DataKeys({ wrapping, clock: runtime.clock, randomBytes, told });
  log.info(
    { event: 'encryption.keys', keys: wrapping.describe(), required: encryption.required },
    'sealed payloads can be opened here',
  );
  return {
    sealing: createSealing({ keys, randomBytes: createRandomPool(randomBytes), requires, damaged }),
    close: () => wrapping.close(),
  };
}

function requiredIn(required: readonly string[]): (tenant: string) => boolean {
  const named = new Set(required);
  return (tenant) => named.has('*') || named.has(tenant);
}

type FileRuntime = Parameters<typeof followConfigured>[0];

function keysOf(encryption: Config['encryption'], runtime: FileRuntime): KeyWrapping | undefined {
  const { keys, file, vault } = encryption;
  switch (keys) {
    case 'none':
      return undefined;
    case 'file': {
      const path = file.path ?? '';
      const files = followConfigured(runtime, 'encryption.file.path', { path, parse: parseKeyFile });
      return createFileKeys({ path, keys: files.current, close: () => files.stop() });
    }
    case 'vault': {
      const { address = '', mount, key, namespace, caPath } = vault;
      const token = followConfigured(runtime, 'encryption.vault.tokenPath', {
        path: vault.tokenPath ?? '',
        parse: tokenOf,
      });
      const whole = (content: Buffer): Buffer => content;
      const ca =
        caPath === undefined
          ? undefined
          : followConfigured(runtime, 'encryption.vault.caPath', { path: caPath, parse: whole });
      return createVaultKeys({
        address,
        mount,
        key,
        namespace,
        token: token.current,
        ca: () => ca?.current(),
        close() {
          token.stop();
          ca?.stop();
        },
      });
    }
    case 'aws-kms':
      return awsKmsKeys(encryption.awsKms, runtime);
  }
}

function awsKmsKeys({ key = '', accessKeyId, ...kms }: Config['encryption']['awsKms'], runtime: FileRuntime) {
  const { endpoint, secretAccessKeyPath, region = regionOfArn(key) ?? '' } = kms;
  if (accessKeyId === undefined || secretAccessKeyPath === undefined)
    return createAwsKmsKeys({ key, region, endpoint, close: () => undefined });
  const parse = (content: Buffer): AwsCredentials => ({ accessKeyId, secretAccessKey: tokenOf(content) });
  const secret = followConfigured(runtime, 'encryption.awsKms.secretAccessKeyPath', {
    path: secretAccessKeyPath,
    parse,
  });
  return createAwsKmsKeys({ key, region, endpoint, credentials: secret.current, close: () => secret.stop() });
}

function tokenOf(content: Buffer): string {
  const token = content.toString('utf8').trim();
  if (/^[\x21-\x7e]{1,4096}$/.test(token)) return token;
  throw new Error('must hold a token of visible ASCII characters');
}

function measured({ log, telemetry }: Pick<ProcessRuntime, 'telemetry'> & { readonly log: Logger }) {
  const asked = telemetry.counter({
    ...counters.encryptionKeyRequests,
    help: 'Requests for the keys that wrap data keys: `wrap` for a new data key, `unwrap` for one that was met.',
  });
  const away = telemetry.gauge({
    ...gauges.encryptionKeysAway,
    help: '1 while the last request for a key has failed.',
  });
  const refused = telemetry.counter({
    ...counters.encryptionDamaged,
    help: 'Sealed payloads and texts that did not open: changed, moved to another job, or sealed with another key.',
  });
  away.set(0);
  let isAway = false;
  return {
    told: (operation: 'wrap' | 'unwrap', error: Error | undefined): void => {
      asked.add(1, { operation, result: error === undefined ? 'ok' : 'failed' });
      if ((error !== undefined) === isAway) return;
      isAway = error !== undefined;
      away.set(isAway ? 1 : 0);
      if (isAway) log.warn({ event: 'encryption.keys-away', operation, err: error }, 'a key is not available');
      else log.info({ event: 'encryption.keys-back', operation }, 'keys are available again');
    },
    damaged: ({ tenant, kind, subject }: SealContext): void => {
      refused.add(1, { kind });
      log.error({ event: 'encryption.damaged', tenant, kind, subject }, 'something sealed did not open');
    },
  };
}
