/** Synthesis for the tests: a fixed map, and a placeholder for the function. */
import * as fs from 'node:fs';
import * as path from 'node:path';
import { Template } from 'aws-cdk-lib/assertions';
import { SfAiApp } from '../lib/app.ts';

/** Every choice that adds something. */
export const EVERYTHING = {
  api: 'rest',
  functionUrl: 'no',
  waf: 'yes',
  allowIps: '203.0.113.0/24,198.51.100.7/32',
  alarmEmail: 'ops@example.com',
  provisionedConcurrency: '2',
  reservedConcurrency: '50',
  bedrockModels: 'anthropic.claude-sonnet-4-6,apac.amazon.nova-pro-v1:0',
  moreSecrets: 'GOOGLE_API_KEY',
  otlpEndpoint: 'https://otlp.example.com',
  otlpHeadersSecret: 'collector/headers',
  traceShare: '0.1',
  corsOrigins: 'https://app.example.com,http://localhost:3000',
  configMaxAgeSeconds: '3600',
  stateTimeoutMs: '500',
  protect: 'yes',
};

const FLAGS = JSON.parse(fs.readFileSync(path.join(__dirname, '../cdk.json'), 'utf8')).context;

export function app(choices: Record<string, string> = {}): SfAiApp {
  const fixed = { env: 'test', map: path.join(__dirname, 'map.json'), package: path.join(__dirname, 'placeholder') };
  return new SfAiApp({ context: { ...FLAGS, ...fixed, ...choices } }, {});
}

export interface Resource {
  readonly Type: string;
  // The shape is CloudFormation's, and differs by type.
  readonly Properties: any;
  readonly DeletionPolicy?: string;
  readonly DependsOn?: string[];
}

export function template(choices: Record<string, string> = {}): Template {
  return Template.fromStack(app(choices).stack);
}

/** The resources of a type, by their logical ids. */
export function resources(template: Template, type: string): Record<string, Resource> {
  return template.findResources(type) as Record<string, Resource>;
}

/** The one resource of a type. */
export function only(template: Template, type: string): Resource {
  const [found, ...others] = Object.values(resources(template, type));
  if (found === undefined || others.length > 0) throw new Error(`${others.length + 1} of ${type}, or none`);
  return found;
}
