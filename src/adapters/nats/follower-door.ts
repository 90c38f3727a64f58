/**
 * Lets followers in: answers the auth callout of the servers, on the connection of this process; and lists and ends their
 * connections, on a connection of its own to the system account.
 */
import { readFileSync } from 'node:fs';
import { fromCurveSeed, type KeyPair } from '@nats-io/nkeys';
import type { Msg } from '@nats-io/transport-node';
import type {
  FollowerAttempt,
  FollowerConnection,
  FollowerDoor,
  FollowerLogin,
} from '../../application/ports/follower-door.ts';
import type { Clock, Logger } from '../../application/ports/runtime.ts';
import { TroupeError } from '../../domain/errors.ts';
import { followerAccount } from '../../domain/event-follower.ts';
import { brokerError } from './broker-error.ts';
import { type LinkOptions, type NatsLink, openLink } from './link.ts';
import { LoginPace } from './login-pace.ts';
import { type Signer, signerOf } from './login-signer.ts';
import { admission, parseRequest, refusal } from './user-claims.ts';

export interface FollowerDoorOptions {
  /** File with the seed of the account key that signs logins. Read at each login. */
  readonly signingSeedPath: string;
  /** File with the seed of the curve key for which servers seal their requests. */
  readonly sealingSeedPath: string;
  /** A connection with a login of the system account. */
  readonly system: LinkOptions;
  readonly clock: Clock;
  readonly log: Logger;
}

const calloutSubject = '$SYS.REQ.USER.AUTH';
/** One gateway answers each request. */
const queueGroup = 'troupe-gateways';
/** Attempts at a time, in this process. */
const attemptsMax = 64;
const connectionsPage = 1_000;
const pagesMax = 20;
/** Servers that do not answer within this time are asked again at the next look. */
const answersMaxMs = 2_000;
const answersQuietMs = 500;

/** Rejects with BROKER_UNAVAILABLE if the system account lets nobody in, and throws if a seed cannot be used. */
export async function openFollowerDoor(link: NatsLink, options: FollowerDoorOptions): Promise<FollowerDoor> {
  // A seed that cannot be used is said now.
  keysOf(options);
  const system = await openLink(options.system);
  return {
    open: (admit) => answerServers(link, options, admit),
    connections: () => listConnections(system),
    close: () => system.close(),
  };
}

interface Keys {
  readonly signing: Signer;
  readonly sealing: KeyPair;
}

type AnswerOptions = Pick<FollowerDoorOptions, 'signingSeedPath' | 'sealingSeedPath' | 'clock' | 'log'>;

function keysOf({ signingSeedPath, sealingSeedPath }: AnswerOptions): Keys {
  const seed = (path: string): string => readFileSync(path, 'utf8').trim();
  return { signing: signerOf(seed(signingSeedPath)), sealing: fromCurveSeed(Buffer.from(seed(sealingSeedPath))) };
}

/** Returns the function that ends it. */
export function answerServers(
  link: Pick<NatsLink, 'connection'>,
  options: AnswerOptions,
  admit: (attempt: FollowerAttempt) => Promise<FollowerLogin>,
): () => void {
  let running = 0;
  const pace = new LoginPace(options.clock);
  const subscription = link.connection.subscribe(calloutSubject, {
    queue: queueGroup,
    callback: (error, message) => {
      // The server refuses the subscription: the log of the link says so.
      if (error !== null) return;
      // Without an answer the server refuses after its timeout, and the client tries again.
      if (running >= attemptsMax || !pace.takes()) return;
      running += 1;
      answerOne(options, message, admit)
        .catch((failure: unknown) => {
          options.log.warn({ event: 'follower.unanswered', err: failure }, 'a login could not be answered');
        })
        .finally(() => (running -= 1));
    },
  });
  return () => {
    subscription.unsubscribe();
  };
}

async function answerOne(
  options: AnswerOptions,
  message: Msg,
  admit: (attempt: FollowerAttempt) => Promise<FollowerLogin>,
): Promise<void> {
  const { signing, sealing } = keysOf(options);
  const server = message.headers?.get('Nats-Server-Xkey') ?? '';
  // A request that is not sealed is not answered: its password was readable.
  const opened = server === '' ? null : sealing.open(message.data, server);
  const request = opened === null ? undefined : parseRequest(Buffer.from(opened).toString());
  if (request === undefined) return;
  const nowMs = options.clock.wallMs();
  const text = await admit(request).then(
    (login) => admission(signing, request, { login, account: followerAccount, nowMs }),
    () => refusal(signing, request, nowMs),
  );
  message.respond(sealing.seal(Buffer.from(text), server));
}

interface ServerAnswer {
  readonly server: { readonly id: string };
  readonly error?: { readonly description?: string };
  readonly data?: { readonly connections?: readonly { readonly cid: number; readonly authorized_user?: string }[] };
}

/** Rejects if no server answers: nobody would be ended then, and nobody counted, as if no follower were there. */
export async function listConnections(
  system: Pick<NatsLink, 'assertConnected' | 'connection'>,
): Promise<readonly FollowerConnection[]> {
  const found: FollowerConnection[] = [];
  try {
    for (let page = 0; page < pagesMax; page += 1) {
      system.assertConnected();
      const request = { auth: true, state: 0, limit: connectionsPage, offset: page * connectionsPage };
      const answers = await system.connection.requestMany(
        `$SYS.REQ.ACCOUNT.${followerAccount}.CONNZ`,
        JSON.stringify(request),
        { strategy: 'stall', maxWait: answersMaxMs, stall: answersQuietMs },
      );
      let [isMore, isAnswered] = [false, false];
      for await (const message of answers) {
        const { server, data, error } = message.json<ServerAnswer>();
        if (error !== undefined) throw unlisted(error.description);
        isAnswered = true;
        const connections = data?.connections ?? [];
        isMore ||= connections.length >= connectionsPage;
        for (const { cid, authorized_user: user = '' } of connections)
          found.push({ id: idOf(cid, server.id), user, end: () => kick(system, server.id, cid) });
      }
      if (!isAnswered) throw unlisted('no server answers');
      if (!isMore) break;
    }
    return found;
  } catch (error) {
    throw brokerError(error);
  }
}

function unlisted(reason = 'no reason given'): TroupeError {
  return new TroupeError('BROKER_UNAVAILABLE', {
    message: `NATS does not list the connections of followers: ${reason}`,
  });
}

function idOf(cid: number, server: string): string {
  return `${String(cid).padStart(20, '0')}.${server}`;
}

async function kick(system: Pick<NatsLink, 'connection'>, server: string, cid: number): Promise<void> {
  try {
    await system.connection.request(`$SYS.REQ.SERVER.${server}.KICK`, JSON.stringify({ cid }), {
      timeout: answersMaxMs,
    });
  } catch (error) {
    throw brokerError(error);
  }
}
