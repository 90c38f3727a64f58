/** Gets its input whole. */
import { bytes, defineHandler } from 'troupe/handlers';

export default defineHandler({
  name: 'stream.whole',
  input: bytes(),
  run: (input) => ({ bytes: input.byteLength }),
});
