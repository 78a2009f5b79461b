/**
 * The stack of one environment.
 *
 * Owns which parts there are, how they are joined and what is put out; each part is a file of its
 * own.
 */
import { CfnOutput, Stack, Tags, type App } from 'aws-cdk-lib';
import { Audit } from './audit.ts';
import { BufferedApi, StreamingApi } from './api.ts';
import { Budget } from './budget.ts';
import type { Choices } from './choices.ts';
import { Dashboard } from './dashboard.ts';
import { Alarms } from './alarms.ts';
import { FirstMap } from './first-map.ts';
import { RouterFunction } from './function.ts';
import { prefix, type MapFacts } from './map.ts';
import { Metrics } from './metrics.ts';
import { Secrets } from './secrets.ts';
import { StateTable } from './state.ts';
import { Storage } from './storage.ts';

export class SfAiStack extends Stack {
  constructor(app: App, choices: Choices, map: MapFacts) {
    const { env, account, region, protect } = choices;
    super(app, stackName(env), {
      description: `sfai, a router for language models: environment ${env}`,
      env: account === '' ? { region } : { account, region },
      terminationProtection: protect,
    });
    Tags.of(this).add('sfai:env', env);

    const storage = new Storage(this, 'Storage', choices);
    const secrets = new Secrets(this, 'Secrets', prefix(env), map.secrets);
    const state = new StateTable(this, 'State');
    const router = new RouterFunction(this, 'Router', choices, { storage, secrets, state });
    const first = new FirstMap(this, 'FirstMap', choices, map, storage.config);
    const api = choices.api === 'rest'
      ? new StreamingApi(this, 'Api', choices, router)
      : new BufferedApi(this, 'Api', choices, router);
    const metrics = new Metrics(env, router.lambda);
    const alarms = new Alarms(this, 'Alarms', choices, metrics);
    new Dashboard(this, 'Dashboard', env, metrics, alarms.all);
    if (choices.budgetUsd > 0) new Budget(this, 'Budget', choices, alarms.topic);
    const audit = new Audit(this, 'Audit', choices, storage.audit);
    first.putAfter(this.node.children.filter((it) => it !== first));

    const outputs: Record<string, string | undefined> = {
      ConfigBucketName: storage.config.bucketName,
      AuditLogBucketName: storage.audit.bucketName,
      ChatApiEndpoint: api.endpoint,
      ChatLambdaName: router.lambda.functionName,
      ChatFunctionUrl: router.url?.url,
      StateTableName: state.table.tableName,
      SecretsPrefix: prefix(env),
      AlarmTopicArn: alarms.topic.topicArn,
      AuditWorkGroup: audit.workGroup,
      AuditTable: audit.table,
      FunctionLogGroup: router.logs.logGroupName,
    };
    for (const [name, value] of Object.entries(outputs)) {
      if (value !== undefined) new CfnOutput(this, name, { value });
    }
  }
}

/** `SfAiDevStack` for `dev`, `SfAiEuProdStack` for `eu-prod`. */
export function stackName(env: string): string {
  const words = env.split('-').map((word) => word.charAt(0).toUpperCase() + word.slice(1));
  return `SfAi${words.join('')}Stack`;
}
