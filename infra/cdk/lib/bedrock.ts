/**
 * Bedrock's models as resources of a policy.
 *
 * Owns how an id becomes ARNs; which ids there are is chosen.
 */
import type { Stack } from 'aws-cdk-lib';

/** Where an inference profile that spans regions begins. */
const GEOGRAPHY = /^(apac|au|ca|eu|global|jp|us|us-gov)\./;

export function bedrockResources(ids: string[], stack: Stack): string[] {
  return ids.flatMap((id) => {
    const model = id.replace(GEOGRAPHY, '');
    if (model === id) return [foundation(stack, stack.region, id)];
    const profile = stack.formatArn({ service: 'bedrock', resource: 'inference-profile', resourceName: id });
    // A profile calls its model in whichever region has room: AWS asks for the right in all of them.
    return [profile, foundation(stack, '*', model)];
  });
}

function foundation(stack: Stack, region: string, model: string): string {
  return `arn:${stack.partition}:bedrock:${region}::foundation-model/${model}`;
}
