/**
 * The dashboard: is it well, how fast, who fails, what does it cost.
 *
 * Owns the layout; the metrics are metrics.ts's.
 */
import * as cloudwatch from 'aws-cdk-lib/aws-cloudwatch';
import { Construct } from 'constructs';
import type { Metrics } from './metrics.ts';

export class Dashboard extends Construct {
  constructor(scope: Construct, id: string, env: string, metrics: Metrics, alarms: cloudwatch.Alarm[]) {
    super(scope, id);
    const graph = (title: string, left: cloudwatch.IMetric[], right: cloudwatch.IMetric[] = []) =>
      new cloudwatch.GraphWidget({ title, left, right, width: 12, leftYAxis: { min: 0 }, rightYAxis: { min: 0 } });
    const percentiles = (name: 'FirstTokenMs' | 'TotalMs') =>
      ['p50', 'p90', 'p99'].map((statistic) => metrics.of(name, statistic).with({ label: statistic }));
    new cloudwatch.Dashboard(this, 'Dashboard', {
      dashboardName: `sfai-${env}`,
      widgets: [
        [new cloudwatch.AlarmStatusWidget({ title: 'Alarms', alarms, width: 24, height: 2 })],
        [
          graph('Requests and errors', [metrics.of('Requests'), metrics.of('Errors')]),
          graph('First token (ms)', percentiles('FirstTokenMs')),
        ],
        [
          graph('Attempts, fallbacks, failures',
            [metrics.of('Attempts'), metrics.of('Fallbacks'), metrics.of('UpstreamFailures')]),
          graph('Whole answer (ms)', percentiles('TotalMs')),
        ],
        [
          graph('Cost (USD) and tokens', [metrics.of('CostUsd')],
            [metrics.of('InputTokens'), metrics.of('OutputTokens')]),
          graph('Function', [metrics.instances()],
            [metrics.crashes(), metrics.throttles(), metrics.of('AuditFailures'), metrics.of('ConfigFailures')]),
        ],
      ],
    });
  }
}
