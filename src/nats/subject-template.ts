import { isLiteralToken } from './literal-token.ts';
import { type IdentityTemplate, readTemplate, TOKEN_VALUES } from './name-template.ts';
import { MAX_PATTERN_TOKENS, SubjectTokens } from './subject.ts';

/** Who the client is, as far as it may be a part of a subject. */
export type TemplateIdentity = { readonly user: string; readonly tenant: string | undefined };

/** Of a pattern as it is written. */
const MAX_PATTERN_BYTES = 256;
const NOT_IN_A_SUBJECT = /[\s\p{C}\p{Z}]/u;
const PLACEHOLDERS = /\{\w+\}/g;

/** A pattern of subjects with placeholders of who the client is. `unknown`: of something else. `wrong`: no pattern. */
export function readSubjectTemplate(text: string): IdentityTemplate | 'unknown' | 'wrong' {
  const template = readTemplate(text, TOKEN_VALUES);
  if (template === undefined) return 'unknown';
  return isPatternText(text.replace(PLACEHOLDERS, 'x')) ? template : 'wrong';
}

export function isPatternText(text: string): boolean {
  const bytes = Buffer.from(text);
  if (bytes.length > MAX_PATTERN_BYTES || NOT_IN_A_SUBJECT.test(text)) return false;
  const { isPattern, count } = new SubjectTokens().read(bytes, 0, bytes.length);
  return isPattern && count <= MAX_PATTERN_TOKENS;
}

/** undefined: a value is missing, or it is not one literal token, which could widen the pattern. */
export function fillSubjectTemplate(
  template: IdentityTemplate,
  identity: TemplateIdentity | undefined,
): string | undefined {
  const parts = template.map((part) => {
    if (typeof part === 'string') return part;
    const value = identity?.[part.value];
    return value !== undefined && isLiteralToken(value) ? value : undefined;
  });
  return parts.includes(undefined) ? undefined : parts.join('');
}
