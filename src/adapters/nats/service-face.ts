/**
 * Answers `$SRV.PING`, `$SRV.INFO` and `$SRV.STATS` (NATS ADR-32), so that NATS tools list the nodes (`nats service
 * list`). Tools send each of them to all services, to a service by name, or to one instance by name and id.
 */
import type { NatsLink } from './link.ts';

export interface ServiceFace {
  readonly name: string;
  readonly id: string;
  readonly version: string;
  readonly description: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly endpoint: { readonly name: string; readonly subject: string };
  readonly startedAtMs: number;
}

/** Counts of the one endpoint since the process started. */
export interface ServiceCounts {
  readonly requests: number;
  readonly errors: number;
  readonly lastError: string;
  readonly processingMs: number;
}

const nanosecondsPerMs = 1_000_000;

export function serveFace(link: NatsLink, face: ServiceFace, counts: () => ServiceCounts): () => void {
  const documents = {
    PING: () => pingOf(face),
    INFO: () => infoOf(face),
    STATS: () => statsOf(face, counts()),
  };
  const subscriptions = Object.entries(documents).flatMap(([verb, document]) =>
    ['', `.${face.name}`, `.${face.name}.${face.id}`].map((whom) =>
      link.connection.subscribe(`$SRV.${verb}${whom}`, {
        callback: (error, message) => {
          if (error !== null || message.reply === undefined || message.reply === '') return;
          link.trySend(message.reply, JSON.stringify(document()));
        },
      }),
    ),
  );
  return () => {
    for (const subscription of subscriptions) subscription.unsubscribe();
  };
}

function pingOf({ name, id, version, metadata }: ServiceFace): object {
  return { type: 'io.nats.micro.v1.ping_response', name, id, version: semverOf(version), metadata };
}

function infoOf(face: ServiceFace): object {
  const { description, endpoint } = face;
  return {
    ...pingOf(face),
    type: 'io.nats.micro.v1.info_response',
    description,
    endpoints: [{ ...endpoint, queue_group: '', metadata: {} }],
  };
}

function statsOf(face: ServiceFace, { requests, errors, lastError, processingMs }: ServiceCounts): object {
  return {
    ...pingOf(face),
    type: 'io.nats.micro.v1.stats_response',
    started: new Date(face.startedAtMs).toISOString(),
    endpoints: [
      {
        ...face.endpoint,
        queue_group: '',
        num_requests: requests,
        num_errors: errors,
        last_error: lastError,
        processing_time: Math.round(processingMs * nanosecondsPerMs),
        average_processing_time: requests === 0 ? 0 : Math.round((processingMs * nanosecondsPerMs) / requests),
      },
    ],
  };
}

/** Tools reject the whole answer if its version is not a semantic version. */
function semverOf(version: string): string {
  return /^\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?$/.test(version) ? version : '0.0.0';
}
