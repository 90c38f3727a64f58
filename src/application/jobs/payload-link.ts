/** A link to the input or output of a job, by which a client reads it at the store itself, without a gateway in between. */
import { TroupeError } from '../../domain/errors.ts';
import { isSealed } from '../../domain/job.ts';
import { payloadsExpireAtMs } from '../../domain/payload-life.ts';
import { expiresAtMs } from '../../domain/record-life.ts';
import type { CallContext } from '../ports/call-context.ts';
import type { PayloadLinks, ReadLink } from '../ports/payload-links.ts';
import type { PayloadStore } from '../ports/payload-store.ts';
import { isObjectId } from '../storage/object-id.ts';
import { payloadGone, type PayloadOfJob, payloadOfJob, type PayloadReaderParts } from './job-payload.ts';

type PayloadLinkAnswer = ReadLink & { readonly encoding: 'json' | 'bytes' };

export type GetPayloadLink = (context: CallContext, query: PayloadOfJob) => Promise<PayloadLinkAnswer>;

export interface GetPayloadLinkParts extends PayloadReaderParts {
  readonly payloads: Pick<PayloadStore, 'links'>;
}

/** Rejects with NO_PAYLOAD_LINK if the payload does not lie where links lead. */
export function createGetPayloadLink(parts: GetPayloadLinkParts): GetPayloadLink {
  return async function getPayloadLink(context, query) {
    const { record, payload } = await payloadOfJob(parts, context, query);
    if (isSealed(payload))
      throw noLink(
        `the ${query.which} of the job is sealed, and a link would lead to sealed bytes: use DownloadPayload`,
      );
    const links = linksOf(parts);
    if (payload.kind !== 'ref' || !isObjectId(payload.id)) {
      throw noLink(`the ${query.which} of the job is small, and lies in the store of the jobs: use DownloadPayload`);
    }
    // A link gives nobody a payload whose retention is over.
    const link = await links.toRead(payload, payloadsExpireAtMs(record) ?? expiresAtMs(record));
    if (link === undefined) throw payloadGone(record, query.which, 'missing');
    return { ...link, encoding: payload.encoding };
  };
}

function linksOf({ payloads }: GetPayloadLinkParts): PayloadLinks {
  if (payloads.links !== undefined) return payloads.links;
  throw noLink('large payloads of this cluster do not lie in a bucket (objects.kind): use DownloadPayload');
}

export function noLink(message: string): TroupeError {
  return new TroupeError('NO_PAYLOAD_LINK', { message });
}
