/** Jaeger on free ports, which keeps its traces in memory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { findJaeger } from '../../scripts/jaeger.ts';
import { freePort } from './cassandra-global.ts';
import { waitFor } from './cluster.ts';

export interface JaegerSpan {
  readonly traceID: string;
  readonly spanID: string;
  readonly operationName: string;
  readonly references: readonly { readonly refType: string; readonly traceID: string; readonly spanID: string }[];
  readonly tags: readonly { readonly key: string; readonly value: unknown }[];
  readonly warnings: readonly string[] | null;
}

export interface Jaeger {
  /** For OTLP over HTTP. */
  readonly url: string;
  /** Undefined if it has no such trace. */
  trace(traceId: string): Promise<readonly JaegerSpan[] | undefined>;
  stop(): Promise<void>;
}

/** Returns the reason if there is none, and prints it. */
export async function startJaeger(): Promise<Jaeger | { readonly lack: string }> {
  const found = await findJaeger((line) => void process.stderr.write(`${line}\n`));
  if ('lack' in found) {
    process.stderr.write(`no Jaeger: ${found.lack}\n`);
    return found;
  }
  const names = ['otlpHttp', 'otlpGrpc', 'query', 'queryGrpc', 'grpc', 'http', 'admin'] as const;
  const taken = await Promise.all(names.map(async (name) => [name, `127.0.0.1:${await freePort()}`] as const));
  const at = Object.fromEntries(taken) as Record<(typeof names)[number], string>;
  const args = [
    `--collector.otlp.http.host-port=${at.otlpHttp}`,
    `--collector.otlp.grpc.host-port=${at.otlpGrpc}`,
    `--query.http-server.host-port=${at.query}`,
    `--query.grpc-server.host-port=${at.queryGrpc}`,
    `--collector.grpc-server.host-port=${at.grpc}`,
    `--collector.http-server.host-port=${at.http}`,
    `--admin.http.host-port=${at.admin}`,
    '--log-level=error',
  ];
  const server = spawn(found.path, args, { stdio: 'ignore' });
  const end = (): void => void server.kill('SIGKILL');
  process.once('exit', end);
  const ask = (path: string): Promise<Response> => fetch(`http://${at.query}${path}`);
  const answers = (): Promise<boolean> =>
    ask('/api/services').then(
      ({ ok }) => ok,
      () => false,
    );
  await waitFor('Jaeger answers', answers, 30_000, () => 'Jaeger does not answer');
  return {
    url: `http://${at.otlpHttp}/v1/traces`,
    async trace(traceId) {
      const answer = await ask(`/api/traces/${traceId}`);
      if (!answer.ok) return undefined;
      const { data } = (await answer.json()) as { readonly data: readonly { readonly spans: readonly JaegerSpan[] }[] };
      return data[0]?.spans;
    },
    async stop() {
      process.off('exit', end);
      const over = once(server, 'exit');
      end();
      await over;
    },
  };
}
