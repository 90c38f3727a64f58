/** Plays KEDA: a plain gRPC client that parses the .proto file itself, as KEDA's generated client does. */
import { fileURLToPath } from 'node:url';
import {
  type ChannelCredentials,
  type Client,
  type ClientReadableStream,
  credentials,
  loadPackageDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';

const protoPath = fileURLToPath(new URL('../../proto/keda/externalscaler.proto', import.meta.url));

interface ObjectRef {
  readonly name: string;
  readonly namespace: string;
  readonly scalerMetadata: Readonly<Record<string, string>>;
}

type Answer<T> = (error: ServiceError | null, answer: T) => void;

interface ScalerClient extends Client {
  isActive(ref: ObjectRef, answer: Answer<{ result: boolean }>): void;
  streamIsActive(ref: ObjectRef): ClientReadableStream<{ result: boolean }>;
  getMetricSpec(ref: ObjectRef, answer: Answer<{ metricSpecs: readonly MetricSpec[] }>): void;
  getMetrics(
    request: { readonly scaledObjectRef?: ObjectRef; readonly metricName: string },
    answer: Answer<{ metricValues: readonly MetricValue[] }>,
  ): void;
}

export interface MetricSpec {
  readonly metricName: string;
  /** A 64-bit number, as text. */
  readonly targetSize: string;
  readonly targetSizeFloat: number;
}

export interface MetricValue {
  readonly metricName: string;
  readonly metricValue: string;
  readonly metricValueFloat: number;
}

export type Metadata = Readonly<Record<string, string>>;

export class Keda {
  readonly #client: ScalerClient;

  constructor(address: string, channel: ChannelCredentials = credentials.createInsecure()) {
    const loaded = loadPackageDefinition(loadSync(protoPath, { longs: String, defaults: true }));
    const { ExternalScaler } = loaded['externalscaler'] as unknown as {
      ExternalScaler: new (address: string, channel: ChannelCredentials) => ScalerClient;
    };
    this.#client = new ExternalScaler(address, channel);
  }

  isActive(metadata: Metadata): Promise<boolean> {
    return promised<{ result: boolean }>((answer) => this.#client.isActive(refOf(metadata), answer)).then(
      ({ result }) => result,
    );
  }

  async spec(metadata: Metadata): Promise<readonly MetricSpec[]> {
    const answered = await promised<{ metricSpecs: readonly MetricSpec[] }>((answer) =>
      this.#client.getMetricSpec(refOf(metadata), answer),
    );
    return answered.metricSpecs;
  }

  async metrics(metadata: Metadata, metricName: string): Promise<readonly MetricValue[]> {
    const request = { scaledObjectRef: refOf(metadata), metricName };
    const answered = await promised<{ metricValues: readonly MetricValue[] }>((answer) =>
      this.#client.getMetrics(request, answer),
    );
    return answered.metricValues;
  }

  /** Reads the demand as KEDA does, under the metric name that the scaler reports. */
  async demand(metadata: Metadata): Promise<number> {
    const [spec] = await this.spec(metadata);
    const [value] = await this.metrics(metadata, spec?.metricName ?? '');
    return value?.metricValueFloat ?? Number.NaN;
  }

  /** Collects pushed values in `seen`. `ended` resolves with the error, or `undefined` after an orderly end. */
  stream(metadata: Metadata): {
    readonly seen: boolean[];
    readonly ended: Promise<ServiceError | undefined>;
    cancel(): void;
  } {
    const call = this.#client.streamIsActive(refOf(metadata));
    const seen: boolean[] = [];
    const ended = new Promise<ServiceError | undefined>((resolve) => {
      call.on('data', ({ result }: { result: boolean }) => seen.push(result));
      call.on('end', () => {
        resolve(undefined);
      });
      call.on('error', (error) => {
        resolve(error as ServiceError);
      });
    });
    return { seen, ended, cancel: () => call.cancel() };
  }

  close(): void {
    this.#client.close();
  }
}

function refOf(scalerMetadata: Metadata): ObjectRef {
  return { name: 'troupe-workers', namespace: 'troupe', scalerMetadata };
}

function promised<T>(call: (answer: Answer<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    call((error, answer) => {
      if (error === null) resolve(answer);
      else reject(error);
    });
  });
}
