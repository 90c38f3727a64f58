/**
 * The reply subject of a JetStream delivery. Two layouts exist; servers from 2.15 send the second by default:
 * `$JS.ACK.<stream>.<consumer>.<delivered>.<streamSeq>.<consumerSeq>.<time>.<pending>` and
 * `$JS.ACK.<domain>.<account>.<stream>.<consumer>.<delivered>.…[.<token>]`.
 */
export function deliveriesOf(ackTo: string): number {
  const tokens = ackTo.split('.');
  const index = tokens.length >= 11 ? 6 : 4;
  const count = Number(tokens[index]);
  return Number.isInteger(count) && count > 0 ? count : 1;
}
