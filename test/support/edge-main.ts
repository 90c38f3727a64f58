/** The edge of a cluster in a process of its own, so that its memory can be watched. Says its port; answers with its metrics. */
import { openEdge } from '../integration/gateway-edge.ts';

const limits = JSON.parse(process.argv[2] ?? '{}') as { readonly payloadMaxBytes: number };
const edge = await openEdge();
const { port } = await edge.openGateway({ limits });
process.on('message', () => {
  void edge.telemetry.metricsText().then((text) => process.send?.(text));
});
process.once('disconnect', () => {
  void edge.close().then(() => process.exit(0));
});
process.send?.(port);
