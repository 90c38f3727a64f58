/** The task that measures Piscina's own cost. */
export default (): undefined => undefined;
