/**
 * The account's monthly budget. AWS costs only: what providers bill is the metric `CostUsd`.
 *
 * Owns when somebody is told; nothing is switched off.
 */
import * as budgets from 'aws-cdk-lib/aws-budgets';
import type * as sns from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import { publishedBy } from './alarms.ts';
import type { Choices } from './choices.ts';

export class Budget extends Construct {
  constructor(scope: Construct, id: string, { env, budgetUsd }: Choices, topic: sns.Topic) {
    super(scope, id);
    publishedBy(topic, 'budgets.amazonaws.com');
    const notify = (notificationType: string, threshold: number) => ({
      notification: { notificationType, threshold, thresholdType: 'PERCENTAGE', comparisonOperator: 'GREATER_THAN' },
      subscribers: [{ subscriptionType: 'SNS', address: topic.topicArn }],
    });
    new budgets.CfnBudget(this, 'Monthly', {
      budget: {
        budgetName: `sfai-${env}`,
        budgetType: 'COST',
        timeUnit: 'MONTHLY',
        budgetLimit: { amount: budgetUsd, unit: 'USD' },
      },
      notificationsWithSubscribers: [notify('ACTUAL', 80), notify('FORECASTED', 100)],
    });
  }
}
