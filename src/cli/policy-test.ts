import { createReadStream } from 'node:fs';
import { CaptureError, readCapture } from '../capture/ndjson.ts';
import { FileReader } from '../config/files.ts';
import { type ConfigSource, loadConfig } from '../config/load.ts';
import { formatProblem } from '../config/problems.ts';
import { DEFAULT_ROUTE, routesOf } from '../config/routes.ts';
import { quote } from '../config/text.ts';
import { NoSuchClient, operationIn, type TriedClient, tried } from '../inspect/policy-trial.ts';
import type { PolicyRules } from '../policy/rules.ts';
import type { CheckOutput } from './check.ts';
import { operationOf, refuseHashed } from './policy-captured.ts';

const MAX_FILE_BYTES = 1024 * 1024;
/** `as trader(tenant=acme): PUB orders.acme.new -> allow` */
const LINE = /^as ([\w-]+)(?:\(([^)]*)\))?:\s*(\S.*?)\s*(?:→|->)\s*(allow|deny)(?:\s+(\w+))?$/;
const FORM =
  'as ROLE(user=…, tenant=…): PUB SUBJECT [REPLY] [BYTES] [HEADER:] → allow, or SUB SUBJECT [QUEUE] → deny';

type Wanted = {
  /** Of expectations; undefined with `capture`. */
  readonly file: string | undefined;
  readonly capture: string | undefined;
  readonly route: string | undefined;
  /** `trader(tenant=acme)`, for `capture`. */
  readonly as: string | undefined;
};

/** `natsgate policy test`: whether the policy of a route says what was expected. The answer is the exit code. */
export async function policyTest(source: ConfigSource, wanted: Wanted, io: CheckOutput): Promise<number> {
  const { file, capture, route = DEFAULT_ROUTE } = wanted;
  const loaded = await loadConfig(source);
  if (!loaded.ok) {
    for (const problem of loaded.problems) io.err(formatProblem(problem));
    return 1;
  }
  const config = routesOf(loaded.config).find(({ name }) => name === route);
  if (config === undefined) return failed(io, `the configuration has no route ${quote(route)}`);
  if (config.policy === undefined) return failed(io, `route ${config.name} has no policy`);
  try {
    if (capture !== undefined) return await testCapture(config.policy, capture, wanted.as, io);
    return await testLines(config.policy, file ?? '', source.reader ?? new FileReader(), io);
  } catch (error) {
    if (error instanceof NoSuchClient || error instanceof CaptureError)
      return failed(io, `${quote(capture ?? '')}: ${error.message}`);
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    return failed(io, `${quote(capture ?? '')} cannot be read: ${code}`);
  }
}

function failed(io: CheckOutput, text: string): 1 {
  io.err(`natsgate policy test: ${text}`);
  return 1;
}

async function testLines(
  policy: PolicyRules,
  file: string,
  reader: FileReader,
  io: CheckOutput,
): Promise<number> {
  const found = await reader.read(file, MAX_FILE_BYTES);
  if (!found.ok) return failed(io, `${quote(file)} cannot be read: ${found.what}`);
  let [lines, wrong] = [0, 0];
  for (const [index, text] of found.bytes.toString().split('\n').entries()) {
    const line = text.trim();
    if (line === '' || line.startsWith('#')) continue;
    lines++;
    const problem = problemWith(line, policy);
    if (problem === undefined) continue;
    wrong++;
    io.err(`${file}:${index + 1}: ${problem}`);
  }
  if (lines === 0) return failed(io, `${quote(file)} has no line such as: ${FORM}`);
  io.out(`${lines} lines, ${wrong === 0 ? 'all as expected' : `${wrong} not as expected`}`);
  return wrong === 0 ? 0 : 1;
}

/** undefined: the policy says what the line expects. */
function problemWith(line: string, policy: PolicyRules): string | undefined {
  const [, role = '', who = '', what = '', expected, rule] = LINE.exec(line) ?? [];
  const operation = operationIn(what);
  if (expected === undefined || operation === undefined) return `this is not of the form: ${FORM}`;
  try {
    const found = tried(policy, clientIn(role, who), operation);
    const is = found === undefined ? 'allow' : 'deny';
    if (is === expected && (rule === undefined || rule === found)) return undefined;
    return `${quote(what)}: expected ${expected}${rule === undefined ? '' : ` ${rule}`}, is ${is}${found === undefined ? '' : ` (${found})`}`;
  } catch (error) {
    if (error instanceof NoSuchClient) return error.message;
    throw error;
  }
}

function clientIn(role: string, who: string): TriedClient {
  const values = Object.fromEntries(
    who
      .split(',')
      .filter((part) => part.trim() !== '')
      .map((part) => part.split('=', 2).map((one) => one.trim())),
  ) as Record<string, string>;
  const unknown = Object.keys(values).find((name) => name !== 'user' && name !== 'tenant');
  if (unknown !== undefined) throw new NoSuchClient(`${unknown} is not user or tenant`);
  const { user, tenant } = values;
  return { role, ...(user === undefined ? {} : { user }), ...(tenant === undefined ? {} : { tenant }) };
}

async function testCapture(
  policy: PolicyRules,
  file: string,
  as = 'default',
  io: CheckOutput,
): Promise<number> {
  const [, role, who = ''] = /^([\w-]+)(?:\((.*)\))?$/.exec(as) ?? [];
  if (role === undefined) throw new NoSuchClient(`${quote(as)} is not a role, such as trader(tenant=acme)`);
  const client = clientIn(role, who);
  const refused = new Map<string, number>();
  let operations = 0;
  for await (const record of readCapture(createReadStream(file))) {
    refuseHashed(record);
    const operation = operationOf(record);
    if (operation === undefined) continue;
    operations++;
    const rule = tried(policy, client, operation);
    if (rule === undefined) continue;
    const { verb, subject, second } = operation;
    const line = `deny  ${rule}  ${verb} ${subject}${second === '' ? '' : ` ${second}`}`;
    refused.set(line, (refused.get(line) ?? 0) + 1);
  }
  for (const [line, times] of refused) io.out(times === 1 ? line : `${line}  (${times} times)`);
  const sum = [...refused.values()].reduce((one, other) => one + other, 0);
  io.out(`${operations} operations, ${sum} of them refused`);
  return sum === 0 ? 0 : 1;
}
