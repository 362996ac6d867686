/**
 * Certificates and keys from the bytes of a file, block by block. OpenSSL stops at the first block that it cannot read
 * and says nothing, so each is read by itself, and what is handed on is all of them or a sentence.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

/** `problem`: what is wrong and what to do; it quotes nothing of the file. */
export type PemResult<T> = { readonly ok: true; readonly value: T } | Refused;
type Refused = { readonly ok: false; readonly problem: string };

/** `pem`: as it is written in the file. */
export type PrivateKey = { readonly key: KeyObject; readonly pem: string };

type Block = { readonly label: string; readonly line: number; readonly pem: string };
type Wanted = 'certificate' | 'private key';

/** The second is an older name, which OpenSSL reads as well. */
const CERTIFICATES = ['CERTIFICATE', 'X509 CERTIFICATE'];

/** What else is found in files that should hold certificates. */
const NO_CERTIFICATE: readonly (readonly [label: RegExp, sentence: string])[] = [
  [
    /^TRUSTED CERTIFICATE$/,
    'the file holds certificates in a form of OpenSSL’s own (TRUSTED CERTIFICATE); convert each: openssl x509 -in old.pem -out new.pem',
  ],
  [
    /^PKCS7$|^CMS$/,
    'the file is a PKCS#7 bundle; convert it: openssl pkcs7 -print_certs -in old.p7b -out new.pem',
  ],
  [
    /REQUEST$/,
    'the file holds a request for a certificate, not the certificate; write the name of what the authority sent back',
  ],
  [/PRIVATE KEY$/, 'the file holds a private key and no certificate; write the name of the certificate'],
  [/PUBLIC KEY$/, 'the file holds a public key and no certificate; write the name of the certificate'],
  [/./, 'the file holds no PEM certificate; write the name of one with BEGIN CERTIFICATE'],
];

/** All certificates of a PEM file, at least one, in their order. */
export function certificatesIn(bytes: Buffer): PemResult<readonly X509Certificate[]> {
  const found = blocksIn(bytes, 'certificate');
  if (!found.ok) return found;
  const blocks = found.value.filter(({ label }) => CERTIFICATES.includes(label));
  const other = found.value.find(({ label }) => label === 'TRUSTED CERTIFICATE') ?? found.value[0];
  if (other !== undefined && (blocks.length === 0 || other.label === 'TRUSTED CERTIFICATE'))
    return refused(NO_CERTIFICATE.find(([label]) => label.test(other.label))?.[1] ?? '');
  const certificates: X509Certificate[] = [];
  for (const [index, { line, pem }] of blocks.entries()) {
    const certificate = certificateOf(pem);
    // OpenSSL's own message names routines, not remedies.
    if (certificate === undefined)
      return refused(
        `certificate ${index + 1} of the file, in line ${line}, cannot be read; write it again, whole, or take it out`,
      );
    certificates.push(certificate);
  }
  return { ok: true, value: certificates };
}

export const pemOf = (certificates: readonly X509Certificate[]): string => certificates.map(String).join('');

/** The first private key of a PEM file. */
export function privateKeyIn(bytes: Buffer): PemResult<PrivateKey> {
  const found = blocksIn(bytes, 'private key');
  if (!found.ok) return found;
  const block = found.value.find(({ label }) => label.endsWith('PRIVATE KEY'));
  if (block === undefined) {
    return refused(
      found.value.some(({ label }) => CERTIFICATES.includes(label))
        ? 'the file holds a certificate and no private key; write the name of its key'
        : 'the file holds no PEM private key; write the name of one with BEGIN PRIVATE KEY',
    );
  }
  const { label, line, pem } = block;
  if (label === 'OPENSSH PRIVATE KEY')
    return refused('the key is in the form of OpenSSH; convert it: ssh-keygen -p -m pkcs8 -f the.key');
  try {
    return { ok: true, value: { key: createPrivateKey(pem), pem } };
  } catch {
    return refused(
      pem.includes('ENCRYPTED')
        ? 'the key is encrypted; write one without passphrase: openssl pkey -in old.key -out new.key'
        : `the private key in line ${line} cannot be read; write it again, whole`,
    );
  }
}

/** The blocks of a text in PEM form (RFC 7468), at least one; text between them is a comment. */
function blocksIn(bytes: Buffer, wanted: Wanted): PemResult<readonly Block[]> {
  // A byte order mark, line breaks of Windows, and blanks that a YAML block left there.
  const text = bytes
    .toString('latin1')
    .replace(/^\xef\xbb\xbf/, '')
    .replaceAll(/\r\n?/g, '\n')
    .replaceAll(/^[ \t]+|[ \t]+$/gm, '');
  const marks = [...text.matchAll(/^.*-----(?:BEGIN|END) .*$/gm)];
  if (marks.length === 0) return refused(withoutBlocks(bytes, wanted));
  const blocks: Block[] = [];
  for (let at = 0; at < marks.length; at += 2) {
    const [begin, end] = [marks[at], marks[at + 1]];
    const label = /^-----BEGIN (.+?)-----$/.exec(begin?.[0] ?? '')?.[1] ?? '';
    const line = lineAt(text, begin?.index);
    if (label === '' || end?.[0] !== `-----END ${label}-----`) {
      const until =
        end === undefined ? '' : ` up to line ${lineAt(text, end.index)}, where two may be joined`;
      return refused(
        `the block in line ${line} has no BEGIN and END, each on a line of its own${until}; write the file again, whole`,
      );
    }
    blocks.push({ label, line, pem: `${text.slice(begin?.index, end.index + end[0].length)}\n` });
  }
  return { ok: true, value: blocks };
}

const lineAt = (text: string, offset = 0): number => text.slice(0, offset).split('\n').length;

function withoutBlocks(bytes: Buffer, wanted: Wanted): string {
  if (bytes.every((byte) => byte <= 0x20))
    return `the file is empty; write the name of a PEM file with a ${wanted}`;
  if (['fffe', 'feff'].includes(bytes.toString('hex', 0, 2)))
    return 'the file is UTF-16; write it as plain text (ASCII)';
  const other = bytes[0] === 0x30 ? inDer(bytes, wanted) : undefined;
  return other ?? `the file holds no PEM ${wanted}; write the name of one with BEGIN ${wanted.toUpperCase()}`;
}

/** What a file in DER form is, which begins with a sequence. */
function inDer(bytes: Buffer, wanted: Wanted): string | undefined {
  const head = bytes.toString('hex', 0, 32);
  // Its first element is the version, 3.
  if (/^30(80|[0-7].|81..|82.{4}|83.{6}|84.{8})020103/.test(head))
    return `the file is a PKCS#12 container; convert it: openssl pkcs12 -in old.p12 ${wanted === 'certificate' ? '-nokeys' : '-nocerts -nodes'} -out new.pem`;
  // The object identifier of signed data.
  if (head.includes('06092a864886f70d010702'))
    return 'the file is a PKCS#7 bundle in DER form; convert it: openssl pkcs7 -inform der -print_certs -in old.p7b -out new.pem';
  if (certificateOf(bytes) !== undefined)
    return wanted === 'certificate'
      ? 'the file is a certificate in DER form; convert it: openssl x509 -inform der -in old.cer -out new.pem'
      : 'the file is a certificate; write the name of its private key';
  for (const type of ['pkcs8', 'pkcs1', 'sec1'] as const) {
    try {
      createPrivateKey({ key: bytes, format: 'der', type });
      return 'the key is in DER form; convert it: openssl pkey -inform der -in old.key -out new.key';
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ERR_MISSING_PASSPHRASE')
        return 'the key is encrypted, and in DER form; write one without passphrase: openssl pkey -inform der -in old.key -out new.key';
      // Another of the three forms, or none.
    }
  }
  return undefined;
}

function certificateOf(content: string | Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(content);
  } catch {
    return undefined;
  }
}

const refused = (problem: string): Refused => ({ ok: false, problem });
