/**
 * Reads how often JetStream has delivered a message, from the message's reply subject. Two layouts exist. Servers from
 * 2.15 on use the second by default:
 *
 * - `$JS.ACK.<stream>.<consumer>.<delivered>.<streamSeq>.<consumerSeq>.<time>.<pending>`
 * - `$JS.ACK.<domain>.<account>.<stream>.<consumer>.<delivered>.…[.<token>]`
 *
 * A subject that cannot be read counts as a first delivery.
 */
export function deliveriesOf(ackTo: string): number {
  const tokens = ackTo.split('.');
  const index = tokens.length >= 11 ? 6 : 4;
  const count = Number(tokens[index]);
  return Number.isInteger(count) && count > 0 ? count : 1;
}
