/**
 * Certificates and keys from the bytes of a file, block by block. OpenSSL stops at the first block that it cannot read
 * and says nothing, so each is read by itself, and what is handed on is all of them or a sentence.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';

/** `problem`: what is wrong and what to do; it quotes nothing of the file. */
export type PemResult<T> = { readonly ok: true; readonly value: T } | Refused;
type Refused = { readonly ok: false; readonly problem: string };

export type PrivateKey = {
  readonly key: KeyObject;
  /** As it is written in the file. */
  readonly pem: string;
};

type Block = { readonly label: string; readonly line: number; readonly pem: string };

/** The second is an older name, which OpenSSL reads as well. */
const CERTIFICATES = ['CERTIFICATE', 'X509 CERTIFICATE'];

/** What else is found in files that should hold certificates. */
const NO_CERTIFICATE: readonly [RegExp, string][] = [
  [
    /^TRUSTED CERTIFICATE$/,
    'the file holds certificates in a form of OpenSSL’s own (TRUSTED CERTIFICATE); convert each: openssl x509 -in old.pem -out new.pem',
  ],
  [
    /^PKCS7$|^CMS$/,
    'the file is a PKCS#7 bundle; convert it: openssl pkcs7 -print_certs -in old.p7b -out new.pem',
  ],
  [
    /CERTIFICATE REQUEST$/,
    'the file holds a request for a certificate, not the certificate; write the name of what the authority sent back',
  ],
  [/PRIVATE KEY$/, 'the file holds a private key and no certificate; write the name of the certificate'],
  [/PUBLIC KEY$/, 'the file holds a public key and no certificate; write the name of the certificate'],
];

/** All certificates of a PEM file, at least one, in their order. */
export function certificatesIn(bytes: Buffer): PemResult<readonly X509Certificate[]> {
  const found = blocksIn(bytes, derCertificate, 'certificate');
  if (!found.ok) return found;
  const certificates: X509Certificate[] = [];
  for (const { label, line, pem } of found.value) {
    if (label === 'TRUSTED CERTIFICATE') return refused(noCertificate(label));
    if (!CERTIFICATES.includes(label)) continue;
    try {
      certificates.push(new X509Certificate(pem));
    } catch {
      // OpenSSL's own message names routines, not remedies.
      const which = `certificate ${certificates.length + 1} of the file, in line ${line},`;
      return refused(`${which} cannot be read; write it again, whole, or take it out`);
    }
  }
  const [first] = found.value;
  return certificates.length > 0 || first === undefined
    ? { ok: true, value: certificates }
    : refused(noCertificate(first.label));
}

export const pemOf = (certificates: readonly X509Certificate[]): string => certificates.map(String).join('');

/** The first private key of a PEM file. */
export function privateKeyIn(bytes: Buffer): PemResult<PrivateKey> {
  const found = blocksIn(bytes, derKey, 'private key');
  if (!found.ok) return found;
  const block = found.value.find(({ label }) => label.endsWith('PRIVATE KEY'));
  if (block === undefined) {
    const isCertificate = found.value.some(({ label }) => CERTIFICATES.includes(label));
    return refused(
      isCertificate
        ? 'the file holds a certificate and no private key; write the name of its key'
        : 'the file holds no PEM private key; write the name of one with BEGIN PRIVATE KEY',
    );
  }
  if (block.label === 'ENCRYPTED PRIVATE KEY' || /^Proc-Type: *4, *ENCRYPTED/m.test(block.pem)) {
    return refused(
      'the key is encrypted; write one without passphrase: openssl pkey -in old.key -out new.key',
    );
  }
  if (block.label === 'OPENSSH PRIVATE KEY')
    return refused('the key is in the form of OpenSSH; convert it: ssh-keygen -p -m pkcs8 -f the.key');
  try {
    return { ok: true, value: { key: createPrivateKey(block.pem), pem: block.pem } };
  } catch {
    return refused(`the private key in line ${block.line} cannot be read; write it again, whole`);
  }
}

/** The blocks of a text in PEM form (RFC 7468); text between them is a comment. */
function blocksIn(
  bytes: Buffer,
  derProblem: (bytes: Buffer) => string | undefined,
  wanted: string,
): PemResult<readonly Block[]> {
  const text = bytes.toString('latin1');
  if (!text.includes('-----BEGIN ')) return refused(withoutBlocks(bytes, text, derProblem, wanted));
  const blocks: Block[] = [];
  let open: { readonly label: string; readonly line: number; readonly lines: string[] } | undefined;
  for (const [index, written] of text.split(/\r\n|\n|\r/).entries()) {
    // A byte order mark, and blanks that a YAML block left there.
    const line = written.replace(/^\xef\xbb\xbf/, '').trim();
    const [, edge, label = ''] = /^-----(BEGIN|END) (.+?)-----$/.exec(line) ?? [];
    const isBegin = edge === 'BEGIN' && open === undefined;
    const isEnd = edge === 'END' && open?.label === label;
    open?.lines.push(line);
    if (isBegin) open = { label, line: index + 1, lines: [line] };
    else if (isEnd && open !== undefined) {
      blocks.push({ ...open, pem: `${open.lines.join('\n')}\n` });
      open = undefined;
    } else if (/-----(BEGIN|END) /.test(line)) {
      return refused(
        `in line ${index + 1} a BEGIN or END is out of place: a line is missing, or two are joined; write each of them on a line of its own`,
      );
    }
  }
  if (open === undefined) return { ok: true, value: blocks };
  return refused(`the block that begins in line ${open.line} has no end; write the file again, whole`);
}

function withoutBlocks(
  bytes: Buffer,
  text: string,
  derProblem: (bytes: Buffer) => string | undefined,
  wanted: string,
): string {
  if (text.trim() === '') return `the file is empty; write the name of a PEM file with a ${wanted}`;
  if (/^(\xff\xfe|\xfe\xff)/.test(text)) return 'the file is UTF-16; write it as plain text (ASCII)';
  // DER begins with a sequence.
  const der = bytes[0] === 0x30 ? (pkcs(bytes, wanted) ?? derProblem(bytes)) : undefined;
  return (
    der ??
    `the file holds no PEM ${wanted}; write the name of one with BEGIN ${wanted === 'certificate' ? 'CERTIFICATE' : 'PRIVATE KEY'}`
  );
}

/** Version 3 as the first element is PKCS#12; the object identifier of signed data is PKCS#7. */
function pkcs(bytes: Buffer, wanted: string): string | undefined {
  const head = bytes.subarray(0, 32).toString('hex');
  if (/^30(80|[0-7].|81..|82.{4}|83.{6}|84.{8})020103/.test(head)) {
    const only = wanted === 'certificate' ? '-nokeys' : '-nocerts -nodes';
    return `the file is a PKCS#12 container; convert it: openssl pkcs12 -in old.p12 ${only} -out new.pem`;
  }
  if (head.includes('06092a864886f70d010702'))
    return 'the file is a PKCS#7 bundle in DER form; convert it: openssl pkcs7 -inform der -print_certs -in old.p7b -out new.pem';
  return undefined;
}

function derCertificate(bytes: Buffer): string | undefined {
  try {
    new X509Certificate(bytes);
    return 'the file is a certificate in DER form; convert it: openssl x509 -inform der -in old.cer -out new.pem';
  } catch {
    return undefined;
  }
}

function derKey(bytes: Buffer): string | undefined {
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
  return derCertificate(bytes) && 'the file is a certificate; write the name of its private key';
}

const noCertificate = (label: string): string =>
  NO_CERTIFICATE.find(([pattern]) => pattern.test(label))?.[1] ??
  'the file holds no PEM certificate; write the name of one with BEGIN CERTIFICATE';

const refused = (problem: string): Refused => ({ ok: false, problem });
