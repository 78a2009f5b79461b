import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as path from 'node:path';
import { test } from 'node:test';
import { EVERYTHING, app } from './synth.ts';

const CHOSEN: Record<string, Record<string, string>> = { plain: {}, everything: EVERYTHING };

/** What is deployed: the template, and which assets become what. */
function deployed(choices: Record<string, string>): { template: string; assets: string } {
  const assembly = app(choices).synth();
  const read = (file: string) => fs.readFileSync(path.join(assembly.directory, file), 'utf8');
  return { template: read('SfAiTestStack.template.json'), assets: read('SfAiTestStack.assets.json') };
}

for (const [name, choices] of Object.entries(CHOSEN)) {
  test(`two synths are equal: ${name}`, () => {
    assert.deepEqual(deployed(choices), deployed(choices));
  });

  test(`the template is the golden one: ${name}`, () => {
    // Of the assets only that they are there: their content has tests of its own.
    const found = deployed(choices).template.replaceAll(/[0-9a-f]{64}/g, 'HASH');
    const golden = path.join(__dirname, `golden/${name}.template.json`);
    if (process.env.SFAI_UPDATE_GOLDEN === '1') fs.writeFileSync(golden, `${found}\n`);
    assert.equal(`${found}\n`, fs.readFileSync(golden, 'utf8'), 'SFAI_UPDATE_GOLDEN=1 npm test writes it anew');
  });

  test(`cdk-nag finds nothing that is not argued: ${name}`, () => {
    const assembly = app(choices).synth();
    const report = path.join(assembly.directory, 'validation-report.json');
    const { pluginReports } = JSON.parse(fs.readFileSync(report, 'utf8'));
    assert.deepEqual(pluginReports.flatMap((it: { violations: unknown[] }) => it.violations), []);
  });
}
