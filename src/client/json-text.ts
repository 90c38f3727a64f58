/** JSON that is text already, and is sent as it is: to parse it and write it anew would change its numbers. */

/** As an input in place of a value: `new JsonText('{"id":1970670598291982290}')`. The gateway refuses what is no JSON. */
export class JsonText {
  /** The JSON text, byte for byte. */
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}
