import { defineHandler } from 'troupe/handlers';

/** Returns its input, JSON or bytes. */
export default defineHandler({ name: 'test.echo', run: (input) => input });
