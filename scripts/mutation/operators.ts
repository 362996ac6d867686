import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast';
import {
  isBinaryExpression,
  isCallExpression,
  isConditionalExpression,
  isExpressionStatement,
  isIfStatement,
  isLiteralTypeNode,
  isPrefixUnaryExpression,
  isReturnStatement,
} from 'typescript/unstable/ast/is';

/** A place, and what may be there instead. */
export type Change = { readonly start: number; readonly end: number; readonly by: string };

const INSTEAD: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '&&': ['||'],
  '||': ['&&'],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '+=': ['-='],
  '-=': ['+='],
};

/** Every change to a file that the pass knows; some of them do not compile. */
export function changes(file: SourceFile): Change[] {
  const found: Change[] = [];
  const put = (node: Node, ...texts: string[]): void => {
    const [start, end] = [node.getStart(file), node.end];
    for (const by of texts) if (by !== file.text.slice(start, end)) found.push({ start, end, by });
  };
  const visit = (node: Node): void => {
    // Types are not there when the program runs.
    if (isLiteralTypeNode(node)) return;
    if (isBinaryExpression(node))
      put(node.operatorToken, ...(INSTEAD[node.operatorToken.getText(file)] ?? []));
    if (isIfStatement(node)) put(node.expression, 'true', 'false');
    if (isConditionalExpression(node)) put(node.condition, 'true', 'false');
    if (isPrefixUnaryExpression(node) && node.operator === SyntaxKind.ExclamationToken)
      put(node, node.operand.getText(file));
    if (node.kind === SyntaxKind.NumericLiteral) {
      const value = Number(node.getText(file).replaceAll('_', ''));
      put(node, String(value < 16 ? value + 1 : value * 2));
    }
    if (node.kind === SyntaxKind.TrueKeyword) put(node, 'false');
    if (node.kind === SyntaxKind.FalseKeyword) put(node, 'true');
    if (isExpressionStatement(node) && isCallExpression(node.expression)) put(node, ';');
    if (isReturnStatement(node)) put(node, ';');
    node.forEachChild(visit);
  };
  visit(file);
  return found;
}
