/**
 * Refuses `map[word]` and `word in map` for a word that is known only at run time. A plain object also answers to the
 * names of `Object.prototype`: a job whose fairness key is `toString` must not find a function there. Use a `Map` for
 * such keys. Read plain objects from JSON or the contract with `ownValue` (src/domain/own-value.ts).
 */
import type { Rule } from 'eslint';
import ts from 'typescript';

/** What the parser of typescript-eslint provides to rules that need types. */
interface TypeServices {
  readonly program: ts.Program;
  readonly getTypeAtLocation: (node: object) => ts.Type;
}

const wordFlags = ts.TypeFlags.String | ts.TypeFlags.TemplateLiteral;
const word =
  'A word that nobody knows beforehand may be a name of Object.prototype: use a Map, or ownValue(map, word).';

export const wordIndex: Rule.RuleModule = {
  meta: { type: 'problem', schema: [], messages: { word } },
  create(context) {
    const services = context.sourceCode.parserServices as TypeServices;
    const checker = services.program.getTypeChecker();

    /** True for arbitrary text, as opposed to a literal type. */
    const isWord = (node: object): boolean => {
      const type = services.getTypeAtLocation(node);
      const bound = checker.getBaseConstraintOfType(type) ?? type;
      return (bound.isUnion() ? bound.types : [bound]).some((part) => (part.flags & wordFlags) !== 0);
    };

    return {
      MemberExpression(node) {
        if (node.computed && isWord(node.property)) context.report({ node, messageId: 'word' });
      },
      "BinaryExpression[operator='in']": (node: Rule.Node & { readonly left: { readonly type: string } }): void => {
        if (node.left.type !== 'PrivateIdentifier' && isWord(node.left)) context.report({ node, messageId: 'word' });
      },
    };
  },
};
