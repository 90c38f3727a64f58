/** The echo service. Its messages have the size and shape of a submit. */
import type { ServiceDefinition } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { fileURLToPath } from 'node:url';

export interface Items {
  readonly items: readonly { readonly id: string; readonly json: string }[];
}

/** The options of the gateway and of our client. */
export const echoChannelOptions = {
  'grpc.enable_channelz': 0,
  'grpc.max_receive_message_length': 32 * 1_048_576,
  'grpc.max_concurrent_streams': 1_000,
} as const;

export function loadEchoService(): ServiceDefinition {
  const file = fileURLToPath(new URL('./echo.proto', import.meta.url));
  return loadSync(file, { keepCase: false, defaults: true })['bench.Echo'] as unknown as ServiceDefinition;
}
