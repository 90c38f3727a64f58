/**
 * `npm run figures`: measures size and structure of the code, and prints the figures beside those in figures.json (`--
 * --keep` stores today's). Nothing here fails a test: a growing number is a question to its author.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

export type Figures = Readonly<Record<string, number>>;

const project = fileURLToPath(new URL('../', import.meta.url));

/** Members that a user of the package can name count as public. */
interface Exports {
  readonly exports: Readonly<Record<string, string | { readonly default: string }>>;
}

interface Lines {
  code: number;
  comment: number;
}

/** Measures the code under src/ of a project. */
export function measure(root: string): Figures {
  const { fileNames, options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, 'tsconfig.json'), (path) => readFileSync(path, 'utf8')).config,
    ts.sys,
    root,
  );
  const src = join(root, 'src/');
  const program = ts.createProgram(
    fileNames.filter((name) => name.startsWith(src)),
    options,
  );
  const files = program.getSourceFiles().filter(({ fileName }) => fileName.startsWith(src));
  const place = (file: ts.SourceFile): string => relative(root, file.fileName);
  const graph = new Map(files.map((file) => [place(file), importsOf(file, root)]));
  return {
    ...linesPerFolder(files, place),
    'circles of files': circles(graph).length,
    'folders that import each other': circles(folderGraph(graph)).flat().length,
    'exported names that stand in two files': twice(files),
    ...publicMembers(program, root),
  };
}

function linesPerFolder(files: readonly ts.SourceFile[], place: (file: ts.SourceFile) => string): Figures {
  const figures = new Map<string, number>();
  const add = (name: string, by: number): void => void figures.set(name, (figures.get(name) ?? 0) + by);
  const all: Lines = { code: 0, comment: 0 };
  for (const file of files) {
    const { code, comment } = linesOf(file.text);
    all.code += code;
    all.comment += comment;
    add(`${dirname(place(file))}: files`, 1);
    add(`${dirname(place(file))}: lines of code`, code);
  }
  return {
    ...Object.fromEntries([...figures].sort(([one], [other]) => (one < other ? -1 : 1))),
    'src: files': files.length,
    'src: lines of code': all.code,
    'src: comment lines, % of all': percent(all.comment, all.code + all.comment),
  };
}

/** A line with code and a comment counts as code. */
function linesOf(text: string): Lines {
  const kinds = new Map<number, 'code' | 'comment'>();
  const file = ts.createSourceFile('measured.ts', text, ts.ScriptTarget.Latest, true);
  const lineAt = (position: number): number => file.getLineAndCharacterOfPosition(position).line;
  const mark = (from: number, to: number, kind: 'code' | 'comment'): void => {
    for (let line = lineAt(from); line <= lineAt(to); line += 1) if (kinds.get(line) !== 'code') kinds.set(line, kind);
  };
  const visit = (node: ts.Node): void => {
    // A comment belongs to the node that follows it, so every comment is the leading comment of some node.
    for (const comment of ts.getLeadingCommentRanges(text, node.getFullStart()) ?? [])
      mark(comment.pos, comment.end - 1, 'comment');
    for (const child of node.getChildren(file)) visit(child);
    if (node.getChildCount(file) === 0 && node.getWidth(file) > 0 && !ts.isJSDoc(node))
      mark(node.getStart(file), node.getEnd() - 1, 'code');
  };
  for (const child of file.getChildren(file)) visit(child);
  const of = (kind: 'code' | 'comment'): number => [...kinds.values()].filter((one) => one === kind).length;
  return { code: of('code'), comment: of('comment') };
}

/** Files that a file imports or re-exports, type-only imports included. */
function importsOf(file: ts.SourceFile, root: string): readonly string[] {
  return file.statements.flatMap((statement) => {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return [];
    const from = statement.moduleSpecifier;
    if (from === undefined || !ts.isStringLiteral(from) || !from.text.startsWith('.')) return [];
    return [relative(root, resolve(dirname(file.fileName), from.text))];
  });
}

/** The imports between folders, without those within a folder. */
function folderGraph(graph: ReadonlyMap<string, readonly string[]>): ReadonlyMap<string, readonly string[]> {
  const folders = new Map<string, Set<string>>();
  for (const [file, imports] of graph) {
    const from = dirname(file);
    const to = folders.get(from) ?? new Set();
    folders.set(from, to);
    for (const other of imports) if (dirname(other) !== from) to.add(dirname(other));
  }
  return new Map([...folders].map(([folder, to]) => [folder, [...to]]));
}

/** Strongly connected components of more than one node (Tarjan). */
function circles(graph: ReadonlyMap<string, readonly string[]>): readonly (readonly string[])[] {
  const found: string[][] = [];
  const order = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const visit = (node: string): void => {
    const number = order.size;
    order.set(node, number);
    low.set(node, number);
    stack.push(node);
    for (const next of graph.get(node) ?? []) {
      if (!order.has(next)) visit(next);
      if (stack.includes(next)) low.set(node, Math.min(low.get(node) ?? 0, low.get(next) ?? 0));
    }
    // The node is the root of its component: everything above it on the stack belongs to it.
    if (low.get(node) !== number) return;
    const part = stack.splice(stack.indexOf(node));
    if (part.length > 1) found.push(part);
  };
  for (const node of graph.keys()) if (!order.has(node)) visit(node);
  return found;
}

/** Exported names that are declared in more than one file. */
function twice(files: readonly ts.SourceFile[]): number {
  const homes = new Map<string, number>();
  for (const file of files)
    for (const statement of file.statements)
      for (const name of declaredNames(statement)) homes.set(name, (homes.get(name) ?? 0) + 1);
  return [...homes.values()].filter((count) => count > 1).length;
}

function declaredNames(statement: ts.Statement): readonly string[] {
  const isExported = ts.canHaveModifiers(statement) && ts.getModifiers(statement)?.some(isExport) === true;
  if (!isExported) return [];
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.flatMap(({ name }) => (ts.isIdentifier(name) ? [name.text] : []));
  const { name } = statement as ts.DeclarationStatement;
  return name !== undefined && ts.isIdentifier(name) ? [name.text] : [];
}

function isExport({ kind }: ts.Modifier): boolean {
  return kind === ts.SyntaxKind.ExportKeyword;
}

/** Counts the exported names of the package, and the members of its interfaces, classes and object types. */
function publicMembers(program: ts.Program, root: string): Figures {
  const checker = program.getTypeChecker();
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Exports;
  const entries = Object.values(exports).flatMap((entry) =>
    typeof entry === 'string' ? [] : [join(root, entry.default)],
  );
  const seen = new Set<ts.Symbol>();
  let documented = 0;
  const count = (symbol: ts.Symbol): void => {
    if (seen.has(symbol)) return;
    seen.add(symbol);
    if (symbol.getDocumentationComment(checker).length > 0) documented += 1;
  };
  for (const entry of entries) {
    const file = program.getSourceFile(entry);
    const module = file && checker.getSymbolAtLocation(file);
    for (const exported of module ? checker.getExportsOfModule(module) : []) {
      const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
      count(symbol);
      for (const member of membersOf(symbol)) count(member);
    }
  }
  return {
    'public members': seen.size,
    'public members documented, %': percent(documented, seen.size),
  };
}

function membersOf({ declarations = [] }: ts.Symbol): readonly ts.Symbol[] {
  return declarations.flatMap((declaration) => {
    if (!ts.isInterfaceDeclaration(declaration) && !ts.isClassDeclaration(declaration)) return [];
    return declaration.members.flatMap((member) => {
      const { symbol } = member as ts.Node & { readonly symbol?: ts.Symbol };
      const isHidden =
        member.name === undefined || ts.isPrivateIdentifier(member.name) || ts.isConstructorDeclaration(member);
      return symbol === undefined || isHidden ? [] : [symbol];
    });
  });
}

function percent(part: number, whole: number): number {
  return whole === 0 ? 0 : Math.round((1_000 * part) / whole) / 10;
}

if (import.meta.main) {
  const kept = join(project, 'scripts/figures.json');
  const before = existsSync(kept) ? (JSON.parse(readFileSync(kept, 'utf8')) as Figures) : {};
  const today = measure(project);
  if (process.argv.includes('--keep')) writeFileSync(kept, `${JSON.stringify(today, undefined, 2)}\n`);
  const width = Math.max(...[...Object.keys(before), ...Object.keys(today)].map((name) => name.length));
  for (const name of new Set([...Object.keys(before), ...Object.keys(today)]))
    console.log(
      `${name.padEnd(width)}  ${String(before[name] ?? '-').padStart(8)}  ${String(today[name] ?? '-').padStart(8)}`,
    );
}
