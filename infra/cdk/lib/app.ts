/**
 * The CDK app: one stack for the environment that was chosen, checked by cdk-nag at every synth.
 *
 * Owns how app, choices and checks come together; what is in the stack is cdk-stack.ts's.
 */
import { App, Validations, type AppProps } from 'aws-cdk-lib';
import { AwsSolutionsChecks } from 'cdk-nag';
import { read } from './choices.ts';
import { SfAiStack } from './cdk-stack.ts';
import { readMap } from './map.ts';

export class SfAiApp extends App {
  readonly stack: SfAiStack;

  /** `environment` is where choices are read that the context lacks. */
  constructor(props: AppProps = {}, environment: NodeJS.ProcessEnv = process.env) {
    super(props);
    const choices = read(this.node.getAllContext(), environment);
    this.stack = new SfAiStack(this, choices, readMap(choices));
    Validations.of(this).addPlugins(new AwsSolutionsChecks(this));
  }
}
