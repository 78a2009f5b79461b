#!/usr/bin/env node
import { SfAiApp } from '../lib/app.ts';
import { Trouble } from '../lib/choices.ts';

try {
  new SfAiApp().synth();
} catch (trouble) {
  if (!(trouble instanceof Trouble)) throw trouble;
  // What a person can mend is told without the stack of calls that found it.
  console.error(trouble.message);
  process.exitCode = 1;
}
