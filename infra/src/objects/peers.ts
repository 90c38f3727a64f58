/** Peers of the configuration, as network policies name them. */
import type { NetworkPolicyPeer } from 'kubernetes-types/networking/v1.d.ts';
import type { Peer } from '../config/network.ts';
import type { Labels } from './kubernetes-object.ts';

function selectorOf(labels: Labels): { matchLabels?: Record<string, string> } {
  return Object.keys(labels).length === 0 ? {} : { matchLabels: { ...labels } };
}

export function peerOf(peer: Peer): NetworkPolicyPeer {
  switch (peer.kind) {
    case 'pods':
      return { namespaceSelector: selectorOf(peer.namespaceLabels), podSelector: selectorOf(peer.podLabels) };
    case 'addresses':
      return { ipBlock: { cidr: peer.cidr } };
  }
}
