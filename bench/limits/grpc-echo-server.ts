/** A gRPC echo server with the options of the gateway, in its own process. */
import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import { echoChannelOptions, type Items, loadEchoService } from './grpc-echo-service.ts';

const server = new Server(echoChannelOptions);
server.addService(loadEchoService(), {
  Echo: (call: ServerUnaryCall<Items, Items>, answer: sendUnaryData<Items>) => answer(null, call.request),
  EchoStream: (call: ServerDuplexStream<Items, Items>) => {
    call.on('data', (items: Items) => call.write(items));
    call.on('end', () => call.end());
  },
});
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  process.send?.({ port });
});
process.once('disconnect', () => process.exit());
