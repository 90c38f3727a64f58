/**
 * Takes the keys of this cell off the pipe, before anything else is read from it and before there is a thread. No other
 * isolate of this process ever sees them.
 */
import { readSync } from 'node:fs';
import { cellDescriptor } from '../protocol/cell-frames.ts';
import { channelKeysBytes, channelMacsOf, type ChannelMacs } from '../protocol/frame-mac.ts';

export function readChannelKeys(): ChannelMacs {
  const keys = Buffer.alloc(channelKeysBytes);
  let taken = 0;
  while (taken < keys.byteLength) {
    const more = readSync(cellDescriptor, keys, taken, keys.byteLength - taken, null);
    if (more === 0) throw new Error('the node is gone');
    taken += more;
  }
  const macs = channelMacsOf(keys);
  keys.fill(0);
  return macs;
}
