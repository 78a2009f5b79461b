/**
 * The secrets that the function reads.
 *
 * Owns that they exist, empty; their values are put by people and are never in the template.
 */
import { Validations } from 'aws-cdk-lib';
import * as secretsmanager from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { KEPT } from './storage.ts';

export class Secrets extends Construct {
  /** With the suffix that Secrets Manager gives, so that exactly these may be read. */
  readonly arns: string[];
  readonly prefix: string;

  constructor(scope: Construct, id: string, prefix: string, names: string[]) {
    super(scope, id);
    this.prefix = prefix;
    this.arns = names.map((name) => {
      // CDK's own class makes a random value up, which a provider would refuse; this one makes none.
      const secret = new secretsmanager.CfnSecret(this, name.replaceAll('/', '-'), {
        name: `${prefix}${name}`,
        description: 'Read by sfai; put its value with `aws secretsmanager put-secret-value`',
      });
      secret.applyRemovalPolicy(KEPT);
      Validations.of(secret).acknowledge({
        id: 'AwsSolutions-SMG4',
        reason: 'A provider gives out its keys by hand: no function could rotate them. docs/operations.md says how.',
      });
      return secret.ref;
    });
  }
}
