/**
 * The audit log as a table that Athena queries.
 *
 * Owns its columns and partitions; the records are model_map's `audit.rs`, which a test holds this
 * to.
 */
import { Stack } from 'aws-cdk-lib';
import * as athena from 'aws-cdk-lib/aws-athena';
import * as glue from 'aws-cdk-lib/aws-glue';
import type * as s3 from 'aws-cdk-lib/aws-s3';
import { Construct } from 'constructs';
import type { Choices } from './choices.ts';

const USAGE = 'struct<input:bigint,output:bigint,cache_read:bigint,cache_write:bigint,reasoning:bigint>';

/** The record's fields. `request` and `response` are whatever the client and the provider sent: the
 * SerDe gives them as JSON text. */
export const COLUMNS: Record<string, string> = {
  time: 'string',
  id: 'string',
  env: 'string',
  client: 'string',
  role: 'string',
  rule: 'string',
  map: 'string',
  model: 'string',
  status: 'int',
  outcome: 'string',
  finish: 'string',
  first_token_ms: 'bigint',
  total_ms: 'bigint',
  // Exact, as a decimal number: CAST(cost_usd AS decimal(20, 10)).
  cost_usd: 'string',
  cost_micro_dollars: 'bigint',
  usage: USAGE,
  attempts: 'array<struct<model:string,class:string,status:int,started_ms:bigint,first_token_ms:bigint,'
    + `ended_ms:bigint,usage:${USAGE}>>`,
  facts: 'string',
  draw: 'int',
  dropped: 'array<string>',
  skipped: 'array<string>',
  opened: 'array<string>',
  request: 'string',
  response: 'string',
  version: 'int',
};

export class Audit extends Construct {
  readonly workGroup: string;
  readonly table: string;

  constructor(scope: Construct, id: string, { env }: Choices, bucket: s3.Bucket) {
    super(scope, id);
    const database = `sfai_${env.replaceAll('-', '_')}`;
    const catalogId = Stack.of(this).account;
    const home = new glue.CfnDatabase(this, 'Database', { catalogId, databaseInput: { name: database } });
    const table = new glue.CfnTable(this, 'Table', {
      catalogId,
      databaseName: database,
      tableInput: tableOf(`s3://${bucket.bucketName}`),
    });
    table.addResourceDependency(home);
    const group = new athena.CfnWorkGroup(this, 'WorkGroup', {
      name: `sfai-${env}`,
      description: 'Queries over the audit log of sfai',
      recursiveDeleteOption: true,
      workGroupConfiguration: {
        enforceWorkGroupConfiguration: true,
        resultConfiguration: {
          outputLocation: `s3://${bucket.bucketName}/athena/`,
          encryptionConfiguration: { encryptionOption: 'SSE_S3' },
        },
      },
    });
    this.workGroup = group.name;
    this.table = `${database}.audit`;
  }
}

/** Partitions are worked out from the query, so that none has to be added as the hours pass. */
function tableOf(root: string): glue.CfnTable.TableInputProperty {
  return {
    name: 'audit',
    tableType: 'EXTERNAL_TABLE',
    partitionKeys: [{ name: 'dt', type: 'string' }, { name: 'hour', type: 'string' }],
    parameters: {
      'EXTERNAL': 'TRUE',
      'projection.enabled': 'true',
      'projection.dt.type': 'date',
      'projection.dt.format': 'yyyy-MM-dd',
      'projection.dt.range': '2026-01-01,NOW+1DAY',
      'projection.dt.interval': '1',
      'projection.dt.interval.unit': 'DAYS',
      'projection.hour.type': 'integer',
      'projection.hour.range': '0,23',
      'projection.hour.digits': '2',
      'storage.location.template': `${root}/dt=\${dt}/hour=\${hour}/`,
    },
    storageDescriptor: {
      columns: Object.entries(COLUMNS).map(([name, type]) => ({ name, type })),
      location: `${root}/`,
      inputFormat: 'org.apache.hadoop.mapred.TextInputFormat',
      outputFormat: 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat',
      serdeInfo: {
        serializationLibrary: 'org.openx.data.jsonserde.JsonSerDe',
        // One line that cannot be read is not to spoil the query of all others.
        parameters: { 'ignore.malformed.json': 'true' },
      },
    },
  };
}
