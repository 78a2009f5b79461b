import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { test } from 'node:test';
import { NAMES, Trouble, read } from '../lib/choices.ts';

function trouble(context: Record<string, unknown>, environment: NodeJS.ProcessEnv = {}): string[] {
  try {
    read(context, environment);
  } catch (error) {
    assert(error instanceof Trouble);
    return error.message.split('\n').map((line) => line.trim());
  }
  return [];
}

test('context goes before the environment, and both before the default', () => {
  const environment = { SFAI_MEMORY_MB: '1024', SFAI_ENV: 'dev' };
  const choices = read({ memoryMb: 2048 }, environment);
  assert.deepEqual([choices.memoryMb, choices.env, choices.timeoutSeconds], [2048, 'dev', 900]);
  assert.deepEqual([choices.region, choices.api, choices.functionUrl], ['ap-northeast-1', 'http', true]);
});

test('an empty variable is none', () => {
  assert.equal(read({}, { SFAI_CONFIG_BUCKET: '', SFAI_API: '' }).api, 'http');
});

test('all bad choices are told at once, each with what is allowed', () => {
  const told = trouble({ api: 'grpc', memoryMb: '64', waf: 'perhaps' },
    { SFAI_ENV: 'Prod', SFAI_ALLOW_IPS: '203.0.113.0/33', SFAI_LOG_DAYS: '10', CDK_DEFAULT_ACCOUNT: '1' });
  assert.equal(told[0], 'cannot deploy with these choices:');
  assert.deepEqual(new Set(told.slice(1, 8)), new Set([
    'SFAI_ENV is "Prod"; allowed: a lower-case letter, then at most 19 letters, digits and hyphens',
    'CDK_DEFAULT_ACCOUNT is "1"; allowed: twelve digits',
    '-c memoryMb is "64"; allowed: a whole number from 128 to 10240',
    '-c api is "grpc"; allowed: http, rest',
    'SFAI_ALLOW_IPS is "203.0.113.0/33"; allowed: IPv4 ranges, comma separated: 203.0.113.0/24',
    '-c waf is "perhaps"; allowed: yes, no',
    'SFAI_LOG_DAYS is "10"; allowed: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192,'
      + ' 2557, 2922, 3288, 3653',
  ]));
});

test('a misspelt choice is none', () => {
  assert.match(trouble({ memroyMb: '512' })[1] ?? '', /^-c memroyMb is no choice; there are: env, account, /);
  assert.deepEqual(trouble({ '@aws-cdk/core:flag': true, 'aws:cdk:path-metadata': true }), []);
});

test('what would not keep anyone out is refused', () => {
  const ways = [{ api: 'http', functionUrl: 'no' }, { api: 'rest', functionUrl: 'yes' }];
  for (const way of ways) {
    assert.match(trouble({ ...way, allowIps: '203.0.113.0/24' })[1] ?? '', /^allowIps needs -c api=rest -c functionUrl=no/);
    assert.match(trouble({ ...way, waf: 'yes' })[1] ?? '', /^waf needs -c api=rest -c functionUrl=no/);
  }
  assert.deepEqual(trouble({ api: 'rest', functionUrl: 'no', allowIps: '203.0.113.0/24', waf: 'yes' }), []);
});

test('a collector has an address without a password, and headers go to one', () => {
  for (const otlpEndpoint of ['localhost:4318', 'grpc://c:4317', 'https://', 'https://u:hidden@c', 'https://c d']) {
    assert.match(trouble({ otlpEndpoint })[1] ?? '', /an http or https address without user and password$/, otlpEndpoint);
  }
  for (const otlpEndpoint of ['http://10.0.0.7:4318', 'https://otlp.example.com/otlp']) {
    assert.deepEqual(trouble({ otlpEndpoint, otlpHeadersSecret: 'collector/headers' }), []);
  }
  assert.match(trouble({ otlpHeadersSecret: 'collector/headers' })[1] ?? '', /^otlpHeadersSecret needs otlpEndpoint/);
});

test('a share of traces is one, and goes to a collector', () => {
  for (const traceShare of ['2', '-0.1', '1.5', '10%', '.']) {
    assert.match(trouble({ traceShare, otlpEndpoint: 'https://c' })[1] ?? '', /a share from 0 to 1/, traceShare);
  }
  for (const traceShare of ['0', '.25', '0.1', '1', '1.0']) {
    assert.deepEqual(trouble({ traceShare, otlpEndpoint: 'https://c' }), [], traceShare);
  }
  assert.match(trouble({ traceShare: '0.1' })[1] ?? '', /^traceShare needs otlpEndpoint/);
});

test('an origin is what a browser sends', () => {
  for (const corsOrigins of ['app.example.com', 'https://app.example.com/', 'https://a.example,b', 'https://u@h', 'https://']) {
    assert.match(trouble({ corsOrigins })[1] ?? '', /origins, comma separated/, corsOrigins);
  }
  assert.deepEqual(read({ corsOrigins: 'https://a.example, http://localhost:3000' }, {}).corsOrigins,
    ['https://a.example', 'http://localhost:3000']);
  assert.deepEqual(read({ corsOrigins: '*' }, {}).corsOrigins, ['*']);
});

test('nothing is too old before it is looked at again', () => {
  assert.match(trouble({ configMaxAgeSeconds: '300' })[1] ?? '', /^configMaxAgeSeconds \(300\) is to be 0 or more than 300/);
  for (const configMaxAgeSeconds of ['0', '301']) assert.deepEqual(trouble({ configMaxAgeSeconds }), []);
});

test('no more instances are kept warm than may run', () => {
  const told = trouble({ provisionedConcurrency: '9', reservedConcurrency: '5' });
  assert.match(told[1] ?? '', /^provisionedConcurrency \(9\) is more than reservedConcurrency \(5\)/);
});

test('a file that is not there is told with what makes it', () => {
  assert.deepEqual(trouble({ map: '/no/such/map.json' }).slice(1),
    ['-c map is "/no/such/map.json"; allowed: a path that exists; run `sfai-dsl compile` first']);
});

test('the region that CDK fills in is nobody\'s choice', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sfai-'));
  const AWS_CONFIG_FILE = path.join(folder, 'config');
  const filledIn = { CDK_DEFAULT_REGION: 'us-east-1', AWS_CONFIG_FILE };
  assert.equal(read({}, filledIn).region, 'ap-northeast-1');
  assert.equal(read({}, { ...filledIn, AWS_REGION: 'us-east-1' }).region, 'us-east-1');
  fs.writeFileSync(AWS_CONFIG_FILE, '[default]\nregion = us-east-1\n');
  assert.equal(read({}, filledIn).region, 'us-east-1');
  fs.rmSync(folder, { recursive: true });
});

test('no two choices share a variable', () => {
  assert.equal(new Set(NAMES.map(({ variable }) => variable)).size, NAMES.length);
});
