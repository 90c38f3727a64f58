/** What logins of followers may do on NATS, for programs outside the cluster that configure its servers. */
export { ackSubjects, followerAccount, followerApi, sharedWithFollowers } from '../domain/event-follower.ts';
