/**
 * What can be chosen of a deployment, and where a choice comes from: `-c name=value`, else the
 * environment variable, else the default.
 *
 * Owns the names, the defaults and the bounds, and tells every bad choice at once; what a choice
 * does is the constructs'.
 */
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';

/** Something that the person who deploys can mend; the message says how. */
export class Trouble extends Error {}

/** The checkout's own folder. */
export const TOP = path.resolve(__dirname, '../../..');

/** One choice. `parse` gives undefined for what is not allowed. */
interface Choice<T> {
  readonly variable: string;
  readonly otherwise: T;
  readonly allowed: string;
  parse(text: string): T | undefined;
}

const CHOICES = {
  /** Part of the stack's name, the secrets' paths and the metrics' dimension. */
  env: text('SFAI_ENV', 'default', /^[a-z][a-z0-9-]{0,19}$/,
    'a lower-case letter, then at most 19 letters, digits and hyphens'),
  account: text('CDK_DEFAULT_ACCOUNT', '', /^[0-9]{12}$/, 'twelve digits'),
  region: text('CDK_DEFAULT_REGION', 'ap-northeast-1', /^[a-z]{2}(-[a-z]+)+-[0-9]$/,
    'a region such as ap-northeast-1'),
  /** Without it CloudFormation makes a name up. */
  configBucket: text('SFAI_CONFIG_BUCKET', '', /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/,
    'a bucket name of 3 to 63 lower-case letters, digits and hyphens'),
  /** The map that the stack begins with. */
  map: file('SFAI_MAP', path.join(TOP, 'model_map.json'), 'run `sfai-dsl compile` first'),
  /** The function: the zip of `cargo xtask package`, or a folder that holds a `bootstrap`. */
  package: file('SFAI_PACKAGE', path.join(TOP, 'target/package/bootstrap.zip'),
    'run `cargo xtask package` first'),
  architecture: oneOf('SFAI_ARCHITECTURE', 'x86_64', 'arm64'),
  memoryMb: whole('SFAI_MEMORY_MB', 512, 128, 10_240),
  timeoutSeconds: whole('SFAI_TIMEOUT_SECONDS', 900, 30, 900),
  /** `http` is buffered and ends at 30 s; `rest` streams. */
  api: oneOf('SFAI_API', 'http', 'rest'),
  functionUrl: yesNo('SFAI_FUNCTION_URL', true),
  /** 0 is none. */
  provisionedConcurrency: whole('SFAI_PROVISIONED_CONCURRENCY', 0, 0, 1_000),
  /** 0 is none: the function then shares what the account has. */
  reservedConcurrency: whole('SFAI_RESERVED_CONCURRENCY', 0, 0, 10_000),
  /** The only addresses that may call; all may where there is none. */
  allowIps: list('SFAI_ALLOW_IPS', isCidr, 'IPv4 ranges, comma separated: 203.0.113.0/24'),
  waf: yesNo('SFAI_WAF', false),
  /** Requests of one address in five minutes that the WAF lets through. */
  wafRequestsPer5Min: whole('SFAI_WAF_REQUESTS_PER_5_MIN', 3_000, 10, 2_000_000),
  /** Of the whole account; 0 is no budget. */
  budgetUsd: whole('SFAI_BUDGET_USD', 100, 0, 10_000_000),
  /** Who is told of alarms and of the budget. */
  alarmEmail: text('SFAI_ALARM_EMAIL', '', /^[^@\s]+@[^@\s]+\.[^@\s]+$/, 'one e-mail address'),
  firstTokenP99Ms: whole('SFAI_FIRST_TOKEN_P99_MS', 20_000, 100, 900_000),
  /** Failed attempts in five minutes that raise the alarm. */
  upstreamFailuresPer5Min: whole('SFAI_UPSTREAM_FAILURES_PER_5_MIN', 20, 1, 1_000_000),
  logDays: days('SFAI_LOG_DAYS', 14),
  auditDays: whole('SFAI_AUDIT_DAYS', 400, 1, 36_500),
  /** Bedrock models and inference profiles that may be called; none without. */
  bedrockModels: list('SFAI_BEDROCK_MODELS', (id) => /^[a-z0-9-]+(\.[a-z0-9-]+)+(:[0-9]+)*$/.test(id),
    'Bedrock ids, comma separated: anthropic.claude-sonnet-4-6,apac.amazon.nova-pro-v1:0'),
  /** Secrets beside those that the map names. */
  moreSecrets: list('SFAI_MORE_SECRETS', (name) => /^[A-Za-z0-9_-]+$/.test(name),
    'names below /sfai/ENV/, comma separated: GOOGLE_API_KEY'),
  /** How old the map and the keys may get before a request has newer ones looked for. */
  mapRefreshSeconds: whole('SFAI_CONFIG_REFRESH_SECONDS', 30, 0, 86_400),
  secretsRefreshSeconds: whole('SFAI_SECRETS_REFRESH_SECONDS', 300, 0, 86_400),
  /** So long both are used that cannot be read again; 0 is for ever. */
  configMaxAgeSeconds: whole('SFAI_CONFIG_MAX_AGE_SECONDS', 86_400, 0, 31_536_000),
  /** The web pages that may call; all may where there is none, since each request needs a key. */
  corsOrigins: list('SFAI_CORS_ORIGINS', isOrigin, 'origins, comma separated: https://app.example.com'),
  /** How long a request waits for the state table before the instance counts by itself. */
  stateTimeoutMs: whole('SFAI_STATE_TIMEOUT_MS', 800, 50, 10_000),
  /** The collector that traces and metrics are sent to, by OTLP over HTTP; none without. */
  otlpEndpoint: address('SFAI_OTLP_ENDPOINT'),
  /** A secret that is there already, with the headers that the collector asks for. */
  otlpHeadersSecret: text('SFAI_OTLP_HEADERS_SECRET', '', /^[A-Za-z0-9/_+=.@:-]{1,512}$/,
    'the name or the ARN of a secret in Secrets Manager'),
  /** Of the requests that bring no decision of their own along. */
  traceShare: share('SFAI_TRACE_SHARE', 1),
  /** Whether the stack can only be deleted after this was taken back. */
  protect: yesNo('SFAI_PROTECT', false),
} as const;

/** The choices that were made. */
export type Choices = {
  readonly [Name in keyof typeof CHOICES]: (typeof CHOICES)[Name] extends Choice<infer T> ? T : never;
};

/** The choices' names and variables, for the documentation's test. */
export const NAMES = Object.entries(CHOICES).map(([name, { variable }]) => ({ name, variable }));

/** Reads all choices, or tells everything that is wrong with them. */
export function read(context: Record<string, unknown>, environment: NodeJS.ProcessEnv): Choices {
  const wrong = unknown(context);
  const chosen: Record<string, unknown> = {};
  for (const [name, choice] of Object.entries(CHOICES) as [string, Choice<unknown>][]) {
    const given = context[name] ?? variable(choice.variable, environment) ?? '';
    const value = given === '' ? choice.otherwise : choice.parse(String(given).trim());
    if (value === undefined) {
      const from = context[name] === undefined ? choice.variable : `-c ${name}`;
      wrong.push(`${from} is ${JSON.stringify(given)}; allowed: ${choice.allowed}`);
    }
    chosen[name] = value;
  }
  // Every value is there or told above.
  const choices = chosen as Choices;
  wrong.push(...together(choices));
  if (wrong.length > 0) {
    throw new Trouble(`cannot deploy with these choices:\n${wrong.map((line) => `  ${line}`).join('\n')}`);
  }
  return choices;
}

/** A variable's value. CDK's command line sets the region itself, from AWS_REGION or the profile, and
 * to us-east-1 where neither has one: that nobody chose. */
function variable(name: string, environment: NodeJS.ProcessEnv): string | undefined {
  const value = environment[name];
  const filledIn = name === 'CDK_DEFAULT_REGION' && value === 'us-east-1' && !hasRegion(environment);
  return filledIn ? undefined : value;
}

function hasRegion({ AWS_REGION, AWS_DEFAULT_REGION, AWS_CONFIG_FILE }: NodeJS.ProcessEnv): boolean {
  if (AWS_REGION || AWS_DEFAULT_REGION) return true;
  const profiles = AWS_CONFIG_FILE || path.join(os.homedir(), '.aws/config');
  return fs.existsSync(profiles) && /^\s*region\s*=/m.test(fs.readFileSync(profiles, 'utf8'));
}

/** What single choices are right in and their combination is not. */
function together(choices: Choices): string[] {
  const { api, functionUrl, allowIps, waf, provisionedConcurrency, reservedConcurrency } = choices;
  const wrong = [];
  if (choices.otlpHeadersSecret && !choices.otlpEndpoint) {
    wrong.push('otlpHeadersSecret needs otlpEndpoint, to which the headers are sent');
  }
  if (choices.traceShare !== 1 && !choices.otlpEndpoint) {
    wrong.push('traceShare needs otlpEndpoint, to which the traces are sent');
  }
  const refresh = Math.max(choices.mapRefreshSeconds, choices.secretsRefreshSeconds);
  if (choices.configMaxAgeSeconds > 0 && choices.configMaxAgeSeconds <= refresh) {
    wrong.push(`configMaxAgeSeconds (${choices.configMaxAgeSeconds}) is to be 0 or more than ${refresh}:`
      + ' the map and the secrets are read again after that many seconds');
  }
  if (allowIps?.length > 0 && (api !== 'rest' || functionUrl)) {
    wrong.push('allowIps needs -c api=rest -c functionUrl=no: neither an HTTP API nor a Function URL'
      + ' can turn addresses away, and either would stay open beside the list');
  }
  if (waf && (api !== 'rest' || functionUrl)) {
    wrong.push('waf needs -c api=rest -c functionUrl=no: AWS WAF stands before neither an HTTP API'
      + ' nor a Function URL, and either would lead around it');
  }
  if (reservedConcurrency > 0 && provisionedConcurrency > reservedConcurrency) {
    wrong.push(`provisionedConcurrency (${provisionedConcurrency}) is more than reservedConcurrency`
      + ` (${reservedConcurrency}), of which it is a part`);
  }
  return wrong;
}

/** Names in the context that are neither ours nor CDK's own, which hold a colon or a slash. */
function unknown(context: Record<string, unknown>): string[] {
  return Object.keys(context)
    .filter((name) => !(name in CHOICES) && !/[:/]/.test(name))
    .map((name) => `-c ${name} is no choice; there are: ${Object.keys(CHOICES).join(', ')}`);
}

function text(variable: string, otherwise: string, form: RegExp, allowed: string): Choice<string> {
  return { variable, otherwise, allowed, parse: (given) => (form.test(given) ? given : undefined) };
}

/** Without a password: the template, in which it stands, is no place for one. */
function address(variable: string): Choice<string> {
  const parse = (given: string) => {
    const url = /^https?:\/\/[!-~]+$/.test(given) && URL.canParse(given) ? new URL(given) : undefined;
    return url !== undefined && url.username === '' && url.password === '' ? given : undefined;
  };
  return { variable, otherwise: '', allowed: 'an http or https address without user and password', parse };
}

function whole(variable: string, otherwise: number, least: number, most: number): Choice<number> {
  const parse = (given: string) => {
    const value = /^[0-9]+$/.test(given) ? Number(given) : NaN;
    return value >= least && value <= most ? value : undefined;
  };
  return { variable, otherwise, allowed: `a whole number from ${least} to ${most}`, parse };
}

function share(variable: string, otherwise: number): Choice<number> {
  const parse = (given: string) => {
    const value = /^(0|1|0?\.[0-9]{1,6}|1\.0+)$/.test(given) ? Number(given) : NaN;
    return value >= 0 && value <= 1 ? value : undefined;
  };
  return { variable, otherwise, allowed: 'a share from 0 to 1, such as 0.1', parse };
}

/** CloudWatch keeps logs for certain numbers of days alone. */
function days(variable: string, otherwise: number): Choice<number> {
  const kept = [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557,
    2922, 3288, 3653];
  const parse = (given: string) => kept.find((it) => String(it) === given);
  return { variable, otherwise, allowed: kept.join(', '), parse };
}

function oneOf<const T extends string>(variable: string, ...values: [T, ...T[]]): Choice<T> {
  const parse = (given: string) => values.find((it) => it === given);
  return { variable, otherwise: values[0], allowed: values.join(', '), parse };
}

function yesNo(variable: string, otherwise: boolean): Choice<boolean> {
  const values: Record<string, boolean> = { yes: true, true: true, no: false, false: false };
  const parse = (given: string) => values[given];
  return { variable, otherwise, allowed: 'yes, no', parse };
}

function list(variable: string, fits: (item: string) => boolean, allowed: string): Choice<string[]> {
  const parse = (given: string) => {
    const items = given.split(',').map((item) => item.trim());
    return items.every(fits) ? items : undefined;
  };
  return { variable, otherwise: [], allowed, parse };
}

/** A relative path is one below the folder where cdk runs, as every other path of a command is. */
function file(variable: string, otherwise: string, first: string): Choice<string> {
  const parse = (given: string) => (fs.existsSync(given) ? path.resolve(given) : undefined);
  return { variable, otherwise, allowed: `a path that exists; ${first}`, parse };
}

function isCidr(range: string): boolean {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(range)?.slice(1).map(Number);
  return parts !== undefined && parts.slice(0, 4).every((it) => it < 256) && (parts[4] ?? 33) <= 32;
}

/** What browsers send: a scheme and a host, perhaps a port, and nothing after it. */
function isOrigin(written: string): boolean {
  return written === '*' || (/^https?:\/\/[^/?#@\s,]+$/.test(written) && URL.canParse(written));
}
