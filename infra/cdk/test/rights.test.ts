/** Least privilege, proved over the policies of the template as they are deployed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Template } from 'aws-cdk-lib/assertions';
import { EVERYTHING, resources, template } from './synth.ts';

interface Statement {
  readonly Effect: string;
  readonly Action: string | string[];
  readonly Resource: unknown;
}

/** Every right of every role, by policy: action → resources as text, references by their names. */
function rights(of: Template): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const [id, { Properties }] of Object.entries(resources(of, 'AWS::IAM::Policy'))) {
    const policy = id.replace(/DefaultPolicy[0-9A-F]{8}$/, '');
    for (const statement of Properties.PolicyDocument.Statement as Statement[]) {
      assert.equal(statement.Effect, 'Allow');
      for (const action of [statement.Action].flat()) {
        (found[`${policy} ${action}`] ??= []).push(...[statement.Resource].flat().map(text));
      }
    }
  }
  return found;
}

/** A resource with its references' logical ids, without their hashes. */
function text(resource: any): string {
  if (typeof resource === 'string') return resource;
  if (resource.Ref) return `{${bare(resource.Ref)}}`;
  if (resource['Fn::GetAtt']) return `{${bare(resource['Fn::GetAtt'][0])}}`;
  if (resource['Fn::Sub']) return resource['Fn::Sub'].replaceAll('${', '{');
  const [separator, parts] = resource['Fn::Join'];
  return parts.map(text).join(separator).replace(/[0-9a-f]{64}/, 'HASH');
}

const bare = (id: string) => id.replace(/[0-9A-F]{8}$/, '');

const FIRST_MAP = {
  'FirstMapRole logs:CreateLogStream': ['{FirstMapLogs}'],
  'FirstMapRole logs:PutLogEvents': ['{FirstMapLogs}'],
  'FirstMapRole s3:GetObject': ['arn:aws:s3:::cdk-hnb659fds-assets-{AWS::AccountId}-ap-northeast-1/HASH.json'],
  'FirstMapRole s3:PutObject': ['{StorageConfig}/config/model_map.json', '{StorageConfig}/config/versions/HASH.json'],
};

const router = (secrets: string[]) => ({
  'RouterRole dynamodb:GetItem': ['{StateTable}'],
  'RouterRole dynamodb:UpdateItem': ['{StateTable}'],
  'RouterRole logs:CreateLogStream': ['{RouterLogs}'],
  'RouterRole logs:PutLogEvents': ['{RouterLogs}'],
  'RouterRole s3:GetObject': ['{StorageConfig}/config/model_map.json'],
  'RouterRole s3:ListBucket': ['{StorageConfig}'],
  // Objects are named by the hour and at random.
  'RouterRole s3:PutObject': ['{StorageAuditLog}/dt=*'],
  'RouterRole secretsmanager:GetSecretValue': secrets.map((name) => `{Secrets${name}}`),
});

const SECRETS = ['ANTHROPICAPIKEY', 'clientsci', 'MISTRALAPIKEY', 'OPENAIAPIKEY', 'CLIENTKEYS'];

/** An inference profile calls its model in whichever region has room. */
const BEDROCK = [
  'arn:aws:bedrock:*::foundation-model/amazon.nova-pro-v1:0',
  'arn:aws:bedrock:ap-northeast-1::foundation-model/anthropic.claude-sonnet-4-6',
  'arn:aws:bedrock:ap-northeast-1:{AWS::AccountId}:inference-profile/apac.amazon.nova-pro-v1:0',
];

/** All that are allowed a wildcard, and after which prefix. */
const WILDCARDS = ['{StorageAuditLog}/dt=*', 'arn:aws:bedrock:*::foundation-model/amazon.nova-pro-v1:0'];

const sorted = (of: Record<string, string[]>) =>
  Object.fromEntries(Object.entries(of).sort().map(([right, on]) => [right, [...on].sort()]));

test('the roles have these rights and no other', () => {
  assert.deepEqual(sorted(rights(template())), sorted({ ...FIRST_MAP, ...router(SECRETS) }));
});

test('with everything chosen there are Bedrock and one more secret', () => {
  assert.deepEqual(sorted(rights(template(EVERYTHING))), sorted({
    ...FIRST_MAP,
    ...router([...SECRETS, 'GOOGLEAPIKEY']),
    'RouterRole bedrock:CountTokens': BEDROCK,
    'RouterRole bedrock:InvokeModel': BEDROCK,
    'RouterRole bedrock:InvokeModelWithResponseStream': BEDROCK,
  }));
});

test('no action is a pattern, and resources are where AWS and the hour name them alone', () => {
  for (const [right, on] of Object.entries(rights(template(EVERYTHING)))) {
    assert(!right.includes('*'), right);
    for (const resource of on) assert(!resource.includes('*') || WILDCARDS.includes(resource), `${right} on ${resource}`);
  }
});

test('no role has a policy of somebody else, but that of API Gateway\'s log', () => {
  const foreign = (of: Template) => Object.entries(resources(of, 'AWS::IAM::Role'))
    .flatMap(([id, { Properties }]) => (Properties.ManagedPolicyArns ?? []).map((arn: unknown) => `${bare(id)} ${text(arn)}`));
  assert.deepEqual(foreign(template()), []);
  assert.deepEqual(foreign(template(EVERYTHING)), ['ApiRestCloudWatchRole'
    + ' arn:{AWS::Partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs']);
});

test('the roles can be taken by Lambda and API Gateway alone', () => {
  for (const { Properties } of Object.values(resources(template(EVERYTHING), 'AWS::IAM::Role'))) {
    const [statement, ...others] = Properties.AssumeRolePolicyDocument.Statement;
    assert.equal(others.length, 0);
    assert.match(statement.Principal.Service, /^(lambda|apigateway)\.amazonaws\.com$/);
  }
});
