/**
 * The API in front of the function: an HTTP API, which is buffered, or a REST API, which streams.
 *
 * Owns routes, access logs and who is turned away before the function runs; the Function URL is
 * function.ts's.
 */
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import * as rest from 'aws-cdk-lib/aws-apigateway';
import * as http from 'aws-cdk-lib/aws-apigatewayv2';
import { HttpLambdaIntegration } from 'aws-cdk-lib/aws-apigatewayv2-integrations';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as logs from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Choices } from './choices.ts';
import type { RouterFunction } from './function.ts';
import { Waf } from './waf.ts';

/** Named, so that each has metrics of its own; all others, OPTIONS among them, are the router's to
 * answer, too. */
const ROUTES = [
  ['POST', '/chat/completions'],
  ['POST', '/v1/chat/completions'],
  ['GET', '/v1/models'],
  ['GET', '/health'],
] as const;

const KEYS_ARE_THE_ROUTERS = 'Clients send Bearer keys, which the router itself checks, in constant time.';

export class BufferedApi extends Construct {
  readonly endpoint: string;

  constructor(scope: Construct, id: string, choices: Choices, { called }: RouterFunction) {
    super(scope, id);
    const api = new http.HttpApi(this, 'Http', {
      apiName: `sfai-${choices.env}`,
      description: 'sfai, buffered: an answer is sent when it is whole, and within 30 s',
      createDefaultStage: false,
    });
    const stage = new http.HttpStage(this, 'Stage', {
      httpApi: api,
      stageName: '$default',
      autoDeploy: true,
      accessLogSettings: { destination: new http.LogGroupLogDestination(accessLog(this, choices)) },
    });
    const integration = new HttpLambdaIntegration('Router', called);
    for (const [method, path] of ROUTES) {
      api.addRoutes({ path, methods: [http.HttpMethod[method]], integration });
    }
    new http.HttpRoute(this, 'Others', { httpApi: api, routeKey: http.HttpRouteKey.DEFAULT, integration });
    Validations.of(api).acknowledge({ id: 'AwsSolutions-APIG4', reason: KEYS_ARE_THE_ROUTERS });
    Validations.of(this).acknowledge({ id: 'AwsSolutions-APIG4', reason: KEYS_ARE_THE_ROUTERS });
    this.endpoint = withoutSlash(stage.url);
  }
}

export class StreamingApi extends Construct {
  readonly endpoint: string;

  constructor(scope: Construct, id: string, choices: Choices, { called }: RouterFunction) {
    super(scope, id);
    const api = new rest.RestApi(this, 'Rest', {
      restApiName: `sfai-${choices.env}`,
      description: 'sfai, streamed',
      endpointConfiguration: { types: [rest.EndpointType.REGIONAL] },
      policy: choices.allowIps.length > 0 ? onlyFrom(choices.allowIps) : undefined,
      // API Gateway writes access logs only in an account that has such a role.
      cloudWatchRole: true,
      cloudWatchRoleRemovalPolicy: RemovalPolicy.RETAIN,
      deployOptions: {
        stageName: 'v',
        metricsEnabled: true,
        // Errors alone: any more would put what clients ask into the log.
        loggingLevel: rest.MethodLoggingLevel.ERROR,
        accessLogDestination: new rest.LogGroupLogDestination(accessLog(this, choices)),
        accessLogFormat: rest.AccessLogFormat.jsonWithStandardFields(),
      },
    });
    const integration = new rest.LambdaIntegration(called, {
      responseTransferMode: rest.ResponseTransferMode.STREAM,
      timeout: Duration.seconds(choices.timeoutSeconds),
      allowTestInvoke: false,
    });
    api.root.addMethod('ANY', integration);
    api.root.addProxy({ defaultIntegration: integration });
    if (choices.waf) new Waf(this, 'Waf', choices, api.deploymentStage);
    argueRest(api, choices.waf);
    this.endpoint = withoutSlash(api.url);
  }
}

/** What is not held against the account's usual rules, and why. */
function argueRest(api: rest.RestApi, waf: boolean): void {
  const reasons: Record<string, string> = {
    'AwsSolutions-APIG2': 'The router validates requests itself and answers as clients of OpenAI expect.',
    'AwsSolutions-APIG4': KEYS_ARE_THE_ROUTERS,
    'AwsSolutions-COG4': KEYS_ARE_THE_ROUTERS,
    'AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]':
      'API Gateway takes no role for its logs that has less than this policy.',
  };
  if (!waf) reasons['AwsSolutions-APIG3'] = 'A WAF costs by the request; it is a choice: -c waf=yes.';
  for (const [id, reason] of Object.entries(reasons)) Validations.of(api).acknowledge({ id, reason });
}

/** Everyone may, but nobody from elsewhere: without the first, IAM would have to allow each. */
function onlyFrom(ranges: string[]): iam.PolicyDocument {
  const statement = (effect: iam.Effect, conditions?: Record<string, unknown>) =>
    new iam.PolicyStatement({
      effect,
      principals: [new iam.AnyPrincipal()],
      actions: ['execute-api:Invoke'],
      // The API that the policy is of: its own id is not known in here.
      resources: ['execute-api:/*'],
      conditions,
    });
  return new iam.PolicyDocument({
    statements: [
      statement(iam.Effect.ALLOW),
      statement(iam.Effect.DENY, { NotIpAddress: { 'aws:SourceIp': ranges } }),
    ],
  });
}

function accessLog(scope: Construct, { env, logDays }: Choices): logs.LogGroup {
  return new logs.LogGroup(scope, 'AccessLog', {
    logGroupName: `/sfai/${env}/api`,
    retention: logDays,
    removalPolicy: RemovalPolicy.DESTROY,
  });
}

/** As an `apiBase`, to which clients append a path that begins with a slash. */
function withoutSlash(url: string): string {
  return url.replace(/\/$/, '');
}
