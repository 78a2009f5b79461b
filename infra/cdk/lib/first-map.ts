/**
 * The map that an environment begins with, so that it answers right after `cdk deploy`.
 *
 * Owns the function that puts it there if there is none; from then on maps come from
 * `sfai-dsl push`, and no deployment replaces one.
 */
import { CustomResource, Duration, RemovalPolicy } from 'aws-cdk-lib';
import * as iam from 'aws-cdk-lib/aws-iam';
import * as lambda from 'aws-cdk-lib/aws-lambda';
import * as logs from 'aws-cdk-lib/aws-logs';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { Construct, type IDependable } from 'constructs';
import * as path from 'node:path';
import { TOP, type Choices } from './choices.ts';
import type { MapFacts } from './map.ts';
import { MAP_KEY } from './storage.ts';

export class FirstMap extends Construct {
  private readonly put: CustomResource;

  constructor(scope: Construct, id: string, choices: Choices, facts: MapFacts, config: s3.Bucket) {
    super(scope, id);
    const { env, map, logDays } = choices;
    const version = `config/versions/${facts.digest}.json`;
    const asset = new Asset(this, 'Map', { path: map });
    const log = new logs.LogGroup(this, 'Logs', {
      logGroupName: `/sfai/${env}/first-map`,
      retention: logDays,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const role = new iam.Role(this, 'Role', {
      assumedBy: new iam.ServicePrincipal('lambda.amazonaws.com'),
      description: 'Puts the first map of sfai',
    });
    const may = (actions: string[], resources: string[]) =>
      role.addToPolicy(new iam.PolicyStatement({ actions, resources }));
    may(['logs:CreateLogStream', 'logs:PutLogEvents'], [log.logGroupArn]);
    may(['s3:GetObject'], [asset.bucket.arnForObjects(asset.s3ObjectKey)]);
    may(['s3:PutObject'], [config.arnForObjects(MAP_KEY), config.arnForObjects(version)]);
    const putter = new lambda.Function(this, 'Function', {
      description: `Puts the first map of sfai, environment ${env}`,
      // Python's image has the S3 client that a Node function would have to bring along.
      runtime: lambda.Runtime.PYTHON_3_15,
      handler: 'first_map.handler',
      code: lambda.Code.fromAsset(path.join(TOP, 'infra/cdk/lib/first-map'), { exclude: ['__pycache__'] }),
      timeout: Duration.minutes(1),
      memorySize: 256,
      logGroup: log,
      role,
    });
    this.put = new CustomResource(this, 'Put', {
      serviceToken: putter.functionArn,
      resourceType: 'Custom::FirstMap',
      serviceTimeout: Duration.minutes(2),
      properties: {
        FromBucket: asset.s3BucketName,
        FromKey: asset.s3ObjectKey,
        ToBucket: config.bucketName,
        ToKey: MAP_KEY,
        VersionKey: version,
        // As `sfai-dsl push` notes them, so that `status` and `versions` tell who put it.
        Note: {
          'sfai-digest': `sha256:${facts.digest}`,
          'sfai-by': 'cdk deploy',
          'sfai-env': env,
          'sfai-roles': String(facts.roles),
        },
      },
    });
    // The rights must be there before they are needed.
    this.put.node.addDependency(role);
  }

  /** Puts it after all others: a bucket that holds something cannot be taken away again when one of
   * them fails in a first deployment. */
  putAfter(others: IDependable[]): void {
    this.put.node.addDependency(...others);
  }
}
