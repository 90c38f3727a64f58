/** JSON that is already text and is sent unchanged. Parsing and serializing it again could change its numbers. */

/** An input given as JSON text: `new JsonText('{"id":1970670598291982290}')`. The gateway refuses invalid JSON. */
export class JsonText {
  /** The JSON text, byte for byte. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}
