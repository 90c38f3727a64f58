/** Formats what was measured of Troupe and of a peer, side by side. */
import type { PeerResults } from '../peers/peer.ts';
import type { StoreResults } from './store-report.ts';
import { percentiles, spread, table, whole } from './table.ts';

export function peerTable({ store, workloads, idlePssMb }: StoreResults, peer: PeerResults): string {
  const troupe = `Troupe (${store})`;
  const rates = (['W1', 'W2', 'W3'] as const).flatMap((name) => {
    const [ours, theirs] = [workloads[name], peer[name]];
    if (ours === undefined || theirs === undefined) return [];
    return [[titles[name], `${spread(ours)}/s`, `${spread(theirs)}/s`, (ours.median / theirs.median).toFixed(2)]];
  });
  const times = (['acknowledged', 'started', 'completed'] as const).flatMap((name) => {
    const [ours, theirs] = [workloads.W4?.[name], peer.W4?.[name]];
    if (ours === undefined || theirs === undefined) return [];
    return [[`W4 ${titles[name]}`, percentiles(ours), percentiles(theirs), (ours.p50 / theirs.p50).toFixed(2)]];
  });
  return [
    table(
      ['Side by side', troupe, peer.name, `Troupe / ${peer.name}`],
      [
        ...rates,
        ...times,
        ...cpuRow(workloads.W5, peer),
        [
          'Memory when idle (PSS), servers included',
          `${whole(idlePssMb)} MiB`,
          `${whole(peer.idlePssMb)} MiB`,
          (idlePssMb / peer.idlePssMb).toFixed(2),
        ],
      ],
    ),
    `${peer.name}: ${peer.settings}.`,
  ].join('\n\n');
}

const titles = {
  W1: 'W1 submit, one by one, 64 callers',
  W2: 'W2 submit, batches of 500',
  W3: 'W3 drain of no-op jobs',
  acknowledged: 'submit to acknowledged',
  started: 'submit to handler start',
  completed: 'submit to completion seen',
} as const;

/** Of bare Piscina on the same cores. */
function cpuRow(ours: StoreResults['workloads']['W5'], { W5: theirs }: PeerResults): string[][] {
  if (ours === undefined || theirs === undefined) return [];
  const peerRatio = ours.bareMs.median / theirs.median;
  const figure = (ms: number, ratio: number): string => `${whole(ms)} ms, ${ratio.toFixed(2)}`;
  return [
    [
      'W5 CPU jobs of 20 ms: time, and of bare Piscina',
      figure(ours.troupeMs.median, ours.ratio),
      figure(theirs.median, peerRatio),
      (ours.ratio / peerRatio).toFixed(2),
    ],
  ];
}
