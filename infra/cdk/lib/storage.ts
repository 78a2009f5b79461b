/**
 * The buckets: configuration, audit log, and who reached for either.
 *
 * Owns how long what is kept; what is written there is the router's and `sfai-dsl push`'s.
 */
import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Choices } from './choices.ts';

/** The map in force: the only object that the function reads. */
export const MAP_KEY = 'config/model_map.json';

/** Nobody is to lose a log or a map by a stack that is deleted, or by a failed deployment of one
 * that was there. */
export const KEPT = RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE;

const CLOSED = {
  blockPublicAccess: s3.BlockPublicAccess.BLOCK_ALL,
  encryption: s3.BucketEncryption.S3_MANAGED,
  enforceSSL: true,
  minimumTLSVersion: 1.2,
  objectOwnership: s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
  removalPolicy: KEPT,
};

export class Storage extends Construct {
  readonly config: s3.Bucket;
  readonly audit: s3.Bucket;

  constructor(scope: Construct, id: string, { auditDays, configBucket }: Choices) {
    super(scope, id);
    const access = new s3.Bucket(this, 'AccessLogs', {
      ...CLOSED,
      lifecycleRules: [{ id: 'expire', expiration: Duration.days(90) }],
    });
    Validations.of(access).acknowledge({
      id: 'AwsSolutions-S1',
      reason: 'The bucket that holds the access logs: logging its own writes would never end.',
    });
    const logged = { ...CLOSED, versioned: true, serverAccessLogsBucket: access };
    this.config = new s3.Bucket(this, 'Config', {
      ...logged,
      bucketName: configBucket === '' ? undefined : configBucket,
      serverAccessLogsPrefix: 'config/',
      lifecycleRules: [
        { id: 'past-maps', noncurrentVersionExpiration: Duration.days(365), ...UNFINISHED },
      ],
    });
    this.audit = new s3.Bucket(this, 'AuditLog', {
      ...logged,
      serverAccessLogsPrefix: 'audit/',
      lifecycleRules: [
        {
          id: 'expire',
          expiration: Duration.days(auditDays),
          noncurrentVersionExpiration: Duration.days(30),
          ...UNFINISHED,
        },
        { id: 'query-results', prefix: 'athena/', expiration: Duration.days(7) },
      ],
    });
  }
}

/** What was begun and never finished is paid for, and seen nowhere. */
const UNFINISHED = { abortIncompleteMultipartUploadAfter: Duration.days(1) };
