import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { COLUMNS } from '../lib/audit.ts';
import { stackName } from '../lib/cdk-stack.ts';
import { TOP } from '../lib/choices.ts';
import { EVERYTHING, app, only, resources, template } from './synth.ts';

const plain = template();
const full = template(EVERYTHING);

const outputs = (of: Template) => Object.keys(of.findOutputs('*'));

test('the stack is named for its environment', () => {
  assert.deepEqual(['dev', 'default', 'eu-prod'].map(stackName), ['SfAiDevStack', 'SfAiDefaultStack', 'SfAiEuProdStack']);
  const { stack } = app({ account: '123456789012' });
  assert.deepEqual([stack.stackName, stack.region, stack.account], ['SfAiTestStack', 'ap-northeast-1', '123456789012']);
  assert.deepEqual([stack.terminationProtection, app(EVERYTHING).stack.terminationProtection], [false, true]);
});

test('what deployments and people look for is put out', () => {
  const always = ['ConfigBucketName', 'AuditLogBucketName', 'ChatApiEndpoint', 'ChatLambdaName'];
  for (const name of [...always, 'ChatFunctionUrl']) assert(outputs(plain).includes(name), name);
  for (const name of always) assert(outputs(full).includes(name), name);
  assert(!outputs(full).includes('ChatFunctionUrl'));
});

test('the function is told where everything is', () => {
  const [id] = Object.keys(resources(plain, 'AWS::DynamoDB::Table'));
  plain.hasResourceProperties('AWS::Lambda::Function', {
    Runtime: 'provided.al2023',
    Handler: 'bootstrap',
    MemorySize: 512,
    Timeout: 900,
    Architectures: ['x86_64'],
    Environment: {
      Variables: {
        SFAI_ENV: 'test',
        SFAI_CONFIG_BUCKET: { Ref: Match.stringLikeRegexp('^StorageConfig') },
        SFAI_AUDIT_BUCKET: { Ref: Match.stringLikeRegexp('^StorageAuditLog') },
        SFAI_STATE_TABLE: { Ref: id },
        SFAI_SECRETS_PREFIX: '/sfai/test/',
        SFAI_CONFIG_MAX_AGE_SECONDS: '86400',
        SFAI_STATE_TIMEOUT_MS: '800',
        SFAI_CORS_ORIGINS: Match.absent(),
        OTEL_TRACES_SAMPLER: Match.absent(),
        OTEL_EXPORTER_OTLP_ENDPOINT: Match.absent(),
        OTEL_EXPORTER_OTLP_HEADERS: Match.absent(),
        OTEL_RESOURCE_ATTRIBUTES: Match.absent(),
      },
    },
  });
  full.hasResourceProperties('AWS::Lambda::Function', {
    ReservedConcurrentExecutions: 50,
    Environment: {
      Variables: {
        OTEL_EXPORTER_OTLP_ENDPOINT: 'https://otlp.example.com',
        OTEL_EXPORTER_OTLP_HEADERS: '{{resolve:secretsmanager:collector/headers:SecretString:::}}',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
        OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
        OTEL_TRACES_SAMPLER_ARG: '0.1',
        SFAI_CONFIG_MAX_AGE_SECONDS: '3600',
        SFAI_STATE_TIMEOUT_MS: '500',
        SFAI_CORS_ORIGINS: 'https://app.example.com,http://localhost:3000',
      },
    },
  });
});

test('the Function URL streams, is open, and has both rights that it needs', () => {
  plain.hasResourceProperties('AWS::Lambda::Url',
    { AuthType: 'NONE', InvokeMode: 'RESPONSE_STREAM', Cors: Match.absent() });
  plain.hasResourceProperties('AWS::Lambda::Permission',
    { Action: 'lambda:InvokeFunctionUrl', Principal: '*', FunctionUrlAuthType: 'NONE' });
  plain.hasResourceProperties('AWS::Lambda::Permission',
    { Action: 'lambda:InvokeFunction', Principal: '*', InvokedViaFunctionUrl: true });
  full.resourceCountIs('AWS::Lambda::Url', 0);
});

test('the HTTP API has the routes that clients ask for, and leaves all others to the router', () => {
  const routes = Object.values(resources(plain, 'AWS::ApiGatewayV2::Route')).map((it) => it.Properties.RouteKey);
  assert.deepEqual(routes.sort(),
    ['$default', 'GET /health', 'GET /v1/models', 'POST /chat/completions', 'POST /v1/chat/completions']);
  const { PayloadFormatVersion } = only(plain, 'AWS::ApiGatewayV2::Integration').Properties;
  assert.equal(PayloadFormatVersion, '2.0');
});

test('the REST API streams, for as long as the function may run', () => {
  full.resourceCountIs('AWS::ApiGatewayV2::Api', 0);
  const methods = Object.values(resources(full, 'AWS::ApiGateway::Method'));
  assert.equal(methods.length, 2);
  for (const { Properties: { Integration } } of methods) {
    assert.equal(Integration.ResponseTransferMode, 'STREAM');
    assert.equal(Integration.TimeoutInMillis, 900_000);
    // Not that of a buffered integration, in its version and its end.
    assert.match(JSON.stringify(Integration.Uri), /lambda:path\/2021-11-15\/functions\/.*\/response-streaming-invocations"/);
  }
});

test('others than the allowed addresses are turned away', () => {
  full.hasResourceProperties('AWS::ApiGateway::RestApi', {
    Policy: {
      Statement: [
        { Effect: 'Allow', Condition: Match.absent() },
        { Effect: 'Deny', Condition: { NotIpAddress: { 'aws:SourceIp': ['203.0.113.0/24', '198.51.100.7/32'] } } },
      ],
    },
  });
  template({ api: 'rest' }).hasResourceProperties('AWS::ApiGateway::RestApi', { Policy: Match.absent() });
});

test('the WAF stands before the API and looks into no body', () => {
  full.resourceCountIs('AWS::WAFv2::WebACLAssociation', 1);
  const { Rules } = only(full, 'AWS::WAFv2::WebACL').Properties;
  assert.deepEqual(Rules.map((rule: { Name: string }) => rule.Name), ['reputation', 'flood']);
  plain.resourceCountIs('AWS::WAFv2::WebACL', 0);
});

test('warm instances are those of an alias, which is what is called', () => {
  full.hasResourceProperties('AWS::Lambda::Alias',
    { Name: 'live', ProvisionedConcurrencyConfig: { ProvisionedConcurrentExecutions: 2 } });
  assert.match(JSON.stringify(resources(full, 'AWS::ApiGateway::Method')), /"Ref":"RouterLive/);
  plain.resourceCountIs('AWS::Lambda::Alias', 0);
});

test('secrets are created empty', () => {
  const secrets = Object.values(resources(plain, 'AWS::SecretsManager::Secret'));
  assert.deepEqual(secrets.map((it) => it.Properties.Name).sort(), ['ANTHROPIC_API_KEY', 'MISTRAL_API_KEY',
    'OPENAI_API_KEY', 'CLIENT_KEYS', 'clients/ci'].map((name) => `/sfai/test/${name}`).sort());
  for (const { Properties } of secrets) {
    assert.equal(Properties.SecretString, undefined);
    assert.equal(Properties.GenerateSecretString, undefined);
  }
});

test('buckets are closed, encrypted, and outlive the stack', () => {
  const buckets = Object.values(resources(plain, 'AWS::S3::Bucket'));
  assert.equal(buckets.length, 3);
  for (const { Properties, DeletionPolicy } of buckets) {
    assert.equal(DeletionPolicy, 'RetainExceptOnCreate');
    assert.deepEqual(new Set(Object.values(Properties.PublicAccessBlockConfiguration)), new Set([true]));
    assert.equal(Properties.BucketEncryption.ServerSideEncryptionConfiguration.length, 1);
  }
  assert.equal(buckets.filter((it) => it.Properties.VersioningConfiguration?.Status === 'Enabled').length, 2);
  const policies = JSON.stringify(resources(plain, 'AWS::S3::BucketPolicy'));
  assert.equal(policies.match(/"aws:SecureTransport":"false"/g)?.length, 3);
  template({ configBucket: 'maps-of-ours' }).hasResourceProperties('AWS::S3::Bucket', { BucketName: 'maps-of-ours' });
});

test('the state is kept on demand, for its time, and can be taken back', () => {
  plain.hasResource('AWS::DynamoDB::Table', {
    DeletionPolicy: 'RetainExceptOnCreate',
    Properties: {
      BillingMode: 'PAY_PER_REQUEST',
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      TimeToLiveSpecification: { AttributeName: 'expires_at', Enabled: true },
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
    },
  });
});

test('logs are kept for two weeks', () => {
  const groups = Object.values(resources(plain, 'AWS::Logs::LogGroup'));
  assert.deepEqual(groups.map((it) => it.Properties.RetentionInDays), [14, 14, 14]);
});

test('each alarm reaches the topic, and its page says what to do', () => {
  const operations = fs.readFileSync(path.join(TOP, 'docs/operations.md'), 'utf8');
  const alarms = Object.values(resources(plain, 'AWS::CloudWatch::Alarm')).map((it) => it.Properties);
  assert.deepEqual(alarms.map((it) => it.MetricName).sort(),
    ['AuditFailures', 'ConfigFailures', 'Errors', 'FirstTokenMs', 'Throttles', 'UpstreamFailures']);
  // A metric with a label would be written as a formula, which no emulator computes.
  for (const alarm of alarms) assert.equal(alarm.Metrics, undefined);
  const [topic] = Object.keys(resources(plain, 'AWS::SNS::Topic'));
  for (const alarm of alarms) {
    assert.deepEqual([alarm.AlarmActions, alarm.OKActions], [[{ Ref: topic }], [{ Ref: topic }]]);
    const section = alarm.AlarmDescription.split('docs/operations.md, ')[1];
    assert(operations.includes(`\n### ${section}\n`), `docs/operations.md has no section ${section}`);
  }
  const [url] = alarms.filter((it) => it.Namespace === 'sfai' && it.MetricName === 'FirstTokenMs');
  assert.deepEqual([url.ExtendedStatistic, url.Threshold, url.Dimensions], ['p99', 20_000, [{ Name: 'Env', Value: 'test' }]]);
  full.hasResourceProperties('AWS::SNS::Subscription', { Protocol: 'email', Endpoint: 'ops@example.com' });
});

test('the budget is monthly, and can be left out', () => {
  plain.hasResourceProperties('AWS::Budgets::Budget',
    { Budget: { BudgetLimit: { Amount: 100, Unit: 'USD' }, TimeUnit: 'MONTHLY' } });
  template({ budgetUsd: '0' }).resourceCountIs('AWS::Budgets::Budget', 0);
});

test('the first map is put after all else, so that a first deployment that fails leaves empty buckets', () => {
  for (const of of [plain, full]) {
    const put = only(of, 'Custom::FirstMap').DependsOn ?? [];
    const others = Object.keys(of.toJSON().Resources).filter((id) => !id.startsWith('FirstMap'));
    assert.deepEqual(others.filter((id) => !put.includes(id)), []);
  }
});

test('the table is the one that the page on the audit log shows', () => {
  const page = fs.readFileSync(path.join(TOP, 'docs/audit.md'), 'utf8').replaceAll('`', '');
  const shown = /CREATE EXTERNAL TABLE audit \((.*?)\n\)\nPARTITIONED BY/s.exec(page)?.[1] ?? '';
  // Commas inside of a type are between its brackets.
  const columns = [...shown.matchAll(/(\w+) (\w+(?:<.*?>+)?)(?:,\s|$)/g)].map(([, name, type]) => [name, type]);
  assert.deepEqual(Object.fromEntries(columns), COLUMNS);
  const { Parameters } = only(plain, 'AWS::Glue::Table').Properties.TableInput;
  for (const [, name, value] of page.matchAll(/'(projection\.[\w.]+)' = '([^']*)'/g)) {
    assert.equal(Parameters[String(name)], value, name);
  }
});

test('the table has the fields of the audit record', () => {
  const source = fs.readFileSync(path.join(TOP, 'model_map/src/audit.rs'), 'utf8');
  const record = /pub struct Record \{(.*?)\n\}/s.exec(source)?.[1] ?? '';
  const fields = [...record.matchAll(/^ {4}pub (\w+):/gm)].map((field) => field[1]);
  assert.deepEqual(Object.keys(COLUMNS).sort(), fields.sort());
  const { StorageDescriptor, Parameters, PartitionKeys } = only(plain, 'AWS::Glue::Table').Properties.TableInput;
  assert.deepEqual(PartitionKeys.map((key: { Name: string }) => key.Name), ['dt', 'hour']);
  assert.match(JSON.stringify(Parameters['storage.location.template']), /\/dt=\$\{dt\}\/hour=\$\{hour\}\//);
  assert.equal(StorageDescriptor.Columns.length, fields.length);
});
