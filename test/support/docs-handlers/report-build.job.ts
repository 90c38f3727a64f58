/** The handler to which the guides submit jobs. `{"fail":true}` makes it fail. */
import { defineHandler, reject } from 'troupe/handlers';
import { z } from 'zod';

export default defineHandler({
  name: 'report.build',
  input: z.object({ fail: z.boolean().optional() }).loose(),
  run({ fail }) {
    if (fail === true) throw reject('this report cannot be built', { code: 'NO_DATA' });
    return { built: true };
  },
});
