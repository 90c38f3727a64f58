import { defineHandler } from 'troupe/handlers';

/** Gives back what it got, JSON or bytes. */
export default defineHandler({ name: 'test.echo', run: (input) => input });
