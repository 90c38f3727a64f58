/** The CPU job of W5, as BullMQ loads it into a thread. */
import { burn } from '../../handlers/burn.ts';
import type { BullJob } from './bullmq-api.ts';

export default function process({ data }: BullJob): Promise<number> {
  return Promise.resolve(burn(data as { readonly rounds: number }));
}
