/**
 * The metrics by their names: those that the router writes into its log, and Lambda's own.
 *
 * Owns the names and how each is summed up; where they are shown and what is too much is the
 * dashboard's and the alarms'.
 */
import { Duration } from 'aws-cdk-lib';
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import type * as lambda from 'aws-cdk-lib/aws-lambda';

export const NAMESPACE = 'sfai';

/** What the router writes, each with the dimension `Env`. */
export const NAMES = [
  'Requests', 'Errors', 'FirstTokenMs', 'TotalMs', 'Attempts', 'Fallbacks', 'UpstreamFailures',
  'AuditFailures', 'ConfigFailures', 'CostUsd', 'InputTokens', 'OutputTokens',
] as const;

export type Name = (typeof NAMES)[number];

const PERIOD = Duration.minutes(5);

export class Metrics {
  private readonly env: string;
  private readonly lambda: lambda.Function;

  constructor(env: string, lambda: lambda.Function) {
    this.env = env;
    this.lambda = lambda;
  }

  /** One of the router's own. */
  of(name: Name, statistic = 'Sum'): cloudwatch.Metric {
    return new cloudwatch.Metric({
      namespace: NAMESPACE,
      metricName: name,
      dimensionsMap: { Env: this.env },
      statistic,
      period: PERIOD,
    });
  }

  crashes(): cloudwatch.Metric {
    return this.lambda.metricErrors({ period: PERIOD });
  }

  throttles(): cloudwatch.Metric {
    return this.lambda.metricThrottles({ period: PERIOD });
  }

  instances(): cloudwatch.Metric {
    return this.lambda.metric('ConcurrentExecutions', { statistic: 'Maximum', period: PERIOD });
  }
}
