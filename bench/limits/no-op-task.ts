/** What Piscina runs when only its own cost is of interest. */
export default (): undefined => undefined;
