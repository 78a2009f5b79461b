/**
 * AWS WAF before the REST API: floods and known bad addresses.
 *
 * Owns these two rules. None looks into a body: prompts hold code, which rules against injections
 * take for one.
 */
import type * as rest from 'aws-cdk-lib/aws-apigateway';
import * as waf from 'aws-cdk-lib/aws-wafv2';
import { Construct } from 'constructs';
import type { Choices } from './choices.ts';

export class Waf extends Construct {
  constructor(scope: Construct, id: string, { env, wafRequestsPer5Min }: Choices, stage: rest.Stage) {
    super(scope, id);
    const seen = (name: string): waf.CfnWebACL.VisibilityConfigProperty => ({
      cloudWatchMetricsEnabled: true,
      metricName: `sfai-${env}-${name}`,
      // A sample holds headers, and they the clients' keys.
      sampledRequestsEnabled: false,
    });
    const acl = new waf.CfnWebACL(this, 'Acl', {
      scope: 'REGIONAL',
      defaultAction: { allow: {} },
      visibilityConfig: seen('all'),
      rules: [
        {
          name: 'reputation',
          priority: 0,
          overrideAction: { none: {} },
          statement: {
            managedRuleGroupStatement: { vendorName: 'AWS', name: 'AWSManagedRulesAmazonIpReputationList' },
          },
          visibilityConfig: seen('reputation'),
        },
        {
          name: 'flood',
          priority: 1,
          action: { block: { customResponse: { responseCode: 429 } } },
          statement: {
            rateBasedStatement: { aggregateKeyType: 'IP', limit: wafRequestsPer5Min, evaluationWindowSec: 300 },
          },
          visibilityConfig: seen('flood'),
        },
      ],
    });
    new waf.CfnWebACLAssociation(this, 'Before', { resourceArn: stage.stageArn, webAclArn: acl.attrArn });
  }
}
