/**
 * What somebody is told of, and by which topic.
 *
 * Owns the thresholds; what to do about each is in docs/operations.md, which its description names.
 */
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as sns from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { Choices } from './choices.ts';
import type { Metrics } from './metrics.ts';

interface Limit {
  readonly metric: cloudwatch.Metric;
  readonly least: number;
  /** Periods in a row; 1 where not said. */
  readonly periods?: number;
  readonly says: string;
}

export class Alarms extends Construct {
  readonly topic: sns.Topic;
  readonly all: cloudwatch.Alarm[];

  constructor(scope: Construct, id: string, choices: Choices, metrics: Metrics) {
    super(scope, id);
    this.topic = new sns.Topic(this, 'Topic', { displayName: `sfai ${choices.env}`, enforceSSL: true });
    // A policy of its own takes the place of the one by which the account's alarms could publish.
    publishedBy(this.topic, 'cloudwatch.amazonaws.com');
    if (choices.alarmEmail !== '') this.topic.addSubscription(new EmailSubscription(choices.alarmEmail));
    this.all = Object.entries(limits(choices, metrics)).map(([name, limit]) => this.alarm(choices.env, name, limit));
  }

  private alarm(env: string, name: string, { metric, least, periods = 1, says }: Limit): cloudwatch.Alarm {
    const alarm = new cloudwatch.Alarm(this, name, {
      alarmName: `sfai-${env}-${name}`,
      alarmDescription: `${says}. What to do: docs/operations.md, ${name}`,
      metric,
      threshold: least,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: periods,
      // A router that nobody asks is well.
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(new SnsAction(this.topic));
    alarm.addOkAction(new SnsAction(this.topic));
    return alarm;
  }
}

/** Lets a service of AWS publish, for this account's resources alone. */
export function publishedBy(topic: sns.Topic, service: string): void {
  topic.addToResourcePolicy(new iam.PolicyStatement({
    principals: [new iam.ServicePrincipal(service)],
    actions: ['sns:Publish'],
    resources: [topic.topicArn],
    conditions: { StringEquals: { 'aws:SourceAccount': topic.stack.account } },
  }));
}

function limits({ firstTokenP99Ms, upstreamFailuresPer5Min }: Choices, metrics: Metrics): Record<string, Limit> {
  return {
    Errors: { metric: metrics.crashes(), least: 1, says: 'An invocation failed, or ran out of time' },
    Throttles: { metric: metrics.throttles(), least: 1, says: 'Lambda turned requests away' },
    FirstToken: {
      metric: metrics.of('FirstTokenMs', 'p99'),
      least: firstTokenP99Ms,
      periods: 3,
      says: 'One request in a hundred waits too long for its first token',
    },
    UpstreamFailures: {
      metric: metrics.of('UpstreamFailures'),
      least: upstreamFailuresPer5Min,
      says: 'Providers fail often, even if others rescue the answers',
    },
    AuditFailures: { metric: metrics.of('AuditFailures'), least: 1, says: 'An audit record is in the log alone' },
    ConfigFailures: {
      metric: metrics.of('ConfigFailures'),
      least: 1,
      periods: 2,
      says: 'The map or a key cannot be read: the router goes on with what it has',
    },
  };
}
