/** A gRPC client without knowledge of Troupe: it learns services and messages through server reflection. */
import { fileURLToPath } from 'node:url';
import {
  type Client,
  type ClientDuplexStream,
  type ClientReadableStream,
  credentials,
  loadPackageDefinition,
  makeGenericClientConstructor,
  type ServiceError,
} from '@grpc/grpc-js';
import { loadFileDescriptorSetFromBuffer, loadSync, type ServiceDefinition } from '@grpc/proto-loader';
import protobuf from 'protobufjs';

const reflectionProto = fileURLToPath(new URL('../../proto/grpc/reflection/v1/reflection.proto', import.meta.url));
const loaderOptions = { longs: Number, enums: String, defaults: true, oneofs: true } as const;

type Message = Readonly<Record<string, unknown>>;
interface ReflectionAnswer {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] } | null;
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] } | null;
  readonly errorResponse?: { readonly errorMessage: string } | null;
}
type ReflectionClient = Client & {
  ServerReflectionInfo(): ClientDuplexStream<Message, ReflectionAnswer>;
};

async function ask(address: string, request: Message): Promise<ReflectionAnswer> {
  const loaded = loadPackageDefinition(loadSync(reflectionProto, loaderOptions)) as unknown as {
    readonly grpc: {
      readonly reflection: {
        readonly v1: { readonly ServerReflection: new (target: string, secure: object) => ReflectionClient };
      };
    };
  };
  const client = new loaded.grpc.reflection.v1.ServerReflection(address, credentials.createInsecure());
  try {
    const call = client.ServerReflectionInfo();
    const answer = await new Promise<ReflectionAnswer>((resolve, reject) => {
      call.once('data', resolve).once('error', reject);
      call.write(request);
    });
    call.end();
    if (answer.errorResponse) throw new Error(answer.errorResponse.errorMessage);
    return answer;
  } finally {
    client.close();
  }
}

export async function listServices(address: string): Promise<readonly string[]> {
  const { listServicesResponse } = await ask(address, { listServices: '*' });
  return (listServicesResponse?.service ?? []).map(({ name }) => name);
}

export interface DynamicClient {
  unary(method: string, request: Message): Promise<Message>;
  stream(method: string, request: Message): ClientReadableStream<Message>;
  close(): void;
}

/** Methods are called by their names in the contract. */
export async function clientByReflection(address: string, service: string): Promise<DynamicClient> {
  const { fileDescriptorResponse } = await ask(address, { fileContainingSymbol: service });
  const set = protobuf.Writer.create();
  // A FileDescriptorSet: `repeated FileDescriptorProto file = 1`.
  for (const file of fileDescriptorResponse?.fileDescriptorProto ?? []) set.uint32(10).bytes(file);
  const definition = loadFileDescriptorSetFromBuffer(Buffer.from(set.finish()), loaderOptions)[
    service
  ] as ServiceDefinition;
  const Constructor = makeGenericClientConstructor(definition, service);
  const client = new Constructor(address, credentials.createInsecure());
  return {
    unary: (method, request) =>
      new Promise((resolve, reject) => {
        const call = client[method] as (
          message: Message,
          done: (error: ServiceError | null, answer: Message) => void,
        ) => void;
        call.call(client, request, (error, answer) => {
          if (error === null) resolve(answer);
          else reject(error);
        });
      }),
    stream: (method, request) =>
      (client[method] as (message: Message) => ClientReadableStream<Message>).call(client, request),
    close: () => client.close(),
  };
}
