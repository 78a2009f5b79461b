/**
 * The function: its code, its surroundings, what it may do, and its URL.
 *
 * Owns its role, in which every right is on exact resources; who stands before it is api.ts's.
 */
import * as path from 'node:path';
import * as fs from 'node:fs';
import { Duration, RemovalPolicy, SecretValue, Stack, Validations } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import { bedrockResources } from './bedrock.ts';
import { Trouble, type Choices } from './choices.ts';
import { MAP_KEY, type Storage } from './storage.ts';
import type { Secrets } from './secrets.ts';
import type { StateTable } from './state.ts';

interface Parts {
  readonly storage: Storage;
  readonly secrets: Secrets;
  readonly state: StateTable;
}

export class RouterFunction extends Construct {
  readonly lambda: lambda.Function;
  /** What is called: the function, or its alias that has instances kept warm. */
  readonly called: lambda.IFunction;
  readonly logs: logs.LogGroup;
  readonly url: lambda.FunctionUrl | undefined;

  constructor(scope: Construct, id: string, choices: Choices, parts: Parts) {
    super(scope, id);
    const { env, architecture, memoryMb, timeoutSeconds, reservedConcurrency, logDays } = choices;
    this.logs = new logs.LogGroup(this, 'Logs', {
      logGroupName: `/sfai/${env}/router`,
      retention: logDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.lambda = new lambda.Function(this, 'Function', {
      description: `sfai router, environment ${env}`,
      runtime: lambda.Runtime.PROVIDED_AL2023,
      architecture: architecture === 'arm64' ? lambda.Architecture.ARM_64 : lambda.Architecture.X86_64,
      handler: 'bootstrap',
      code: lambda.Code.fromAsset(packaged(choices.package)),
      memorySize: memoryMb,
      timeout: Duration.seconds(timeoutSeconds),
      reservedConcurrentExecutions: reservedConcurrency > 0 ? reservedConcurrency : undefined,
      logGroup: this.logs,
      role: this.role(choices, parts),
      environment: surroundings(choices, parts),
    });
    this.called = this.warm(choices.provisionedConcurrency);
    this.url = choices.functionUrl ? this.address() : undefined;
  }

  private role({ bedrockModels }: Choices, { storage, secrets, state }: Parts): iam.Role {
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: 'What the sfai router may do',
    });
    const may = (sid: string, actions: string[], resources: string[]) =>
      role.addToPolicy(new iam.PolicyStatement({ sid, actions, resources }));
    may('WriteItsLog', ['logs:CreateLogStream', 'logs:PutLogEvents'], [this.logs.logGroupArn]);
    may('ReadTheMap', ['s3:GetObject'], [storage.config.arnForObjects(MAP_KEY)]);
    // Without it S3 answers 403 for a map that is not there, as for one that is forbidden.
    may('TellMissingFromForbidden', ['s3:ListBucket'], [storage.config.bucketArn]);
    may('WriteTheAuditLog', ['s3:PutObject'], [storage.audit.arnForObjects('dt=*')]);
    may('ReadTheKeys', ['secretsmanager:GetSecretValue'], secrets.arns);
    may('ShareState', ['dynamodb:GetItem', 'dynamodb:UpdateItem'], [state.table.tableArn]);
    const bedrock = bedrockResources(bedrockModels, Stack.of(this));
    if (bedrock.length > 0) {
      may('CallBedrock',
        ['bedrock:CountTokens', 'bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream'], bedrock);
    }
    argue(role, bedrock, storage.audit);
    return role;
  }

  /** An alias with provisioned concurrency, which a function's unnumbered version cannot have. */
  private warm(instances: number): lambda.IFunction {
    if (instances === 0) return this.lambda;
    return new lambda.Alias(this, 'Live', {
      aliasName: 'live',
      version: this.lambda.currentVersion,
      provisionedConcurrentExecutions: instances,
    });
  }

  /** Open, since clients send Bearer keys and cannot sign: the router asks each for its key. CORS
   * headers are the router's, too: both would be one too many for a browser. */
  private address(): lambda.FunctionUrl {
    return this.called.addFunctionUrl({
      authType: lambda.FunctionUrlAuthType.NONE,
      invokeMode: lambda.InvokeMode.RESPONSE_STREAM,
    });
  }
}

/** A folder on Windows loses the right to be run, which a zip keeps. */
function packaged(where: string): string {
  const found = fs.existsSync(where)
    && (where.endsWith('.zip') || fs.existsSync(path.join(where, 'bootstrap')));
  if (found) return where;
  throw new Trouble(`there is no function at ${where}: run \`cargo xtask package\`, or give its zip, or a folder that`
    + ' holds its `bootstrap`, with -c package=PATH');
}

function surroundings(choices: Choices, { storage, secrets, state }: Parts): Record<string, string> {
  const { env, mapRefreshSeconds, secretsRefreshSeconds, otlpEndpoint, corsOrigins } = choices;
  return {
    SFAI_ENV: env,
    SFAI_CONFIG_REFRESH_SECONDS: String(mapRefreshSeconds),
    SFAI_SECRETS_REFRESH_SECONDS: String(secretsRefreshSeconds),
    SFAI_CONFIG_MAX_AGE_SECONDS: String(choices.configMaxAgeSeconds),
    SFAI_STATE_TIMEOUT_MS: String(choices.stateTimeoutMs),
    ...(corsOrigins.length === 0 ? {} : { SFAI_CORS_ORIGINS: corsOrigins.join(',') }),
    SFAI_CONFIG_BUCKET: storage.config.bucketName,
    SFAI_AUDIT_BUCKET: storage.audit.bucketName,
    SFAI_STATE_TABLE: state.table.tableName,
    SFAI_SECRETS_PREFIX: secrets.prefix,
    ...(otlpEndpoint === '' ? {} : telemetry(choices)),
  };
}

/** The function reads the standard variables. A secret's value is put in by CloudFormation: it is in
 * neither the template nor this program. */
function telemetry({ env, otlpEndpoint, otlpHeadersSecret, traceShare }: Choices): Record<string, string> {
  const headers: Record<string, string> = otlpHeadersSecret === '' ? {}
    : { OTEL_EXPORTER_OTLP_HEADERS: SecretValue.secretsManager(otlpHeadersSecret).unsafeUnwrap() };
  return {
    OTEL_EXPORTER_OTLP_ENDPOINT: otlpEndpoint,
    OTEL_RESOURCE_ATTRIBUTES: `deployment.environment.name=${env}`,
    ...(traceShare === 1 ? {} : {
      OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
      OTEL_TRACES_SAMPLER_ARG: String(traceShare),
    }),
    ...headers,
  };
}

/** Why the wildcards that are left must be. */
function argue(role: iam.Role, bedrock: string[], audit: s3.Bucket): void {
  const stack = Stack.of(role);
  const bucket = stack.getLogicalId(audit.node.defaultChild as s3.CfnBucket);
  Validations.of(role).acknowledge({
    id: `AwsSolutions-IAM5[Resource::<${bucket}.Arn>/dt=*]`,
    reason: 'Objects of the audit log are named by the hour and at random; the bucket and the prefix are exact.',
  });
  for (const arn of bedrock.filter((it) => it.includes('*'))) {
    Validations.of(role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${arn.replace(stack.partition, 'aws')}]`,
      reason: 'An inference profile calls its model in whichever of its regions has room; the model is exact.',
    });
  }
}
