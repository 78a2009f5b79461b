// Runs the one case that is named, against the router that the environment names.
//
// Owns how a script is told what to do; the cases are each client's.
import assert from "node:assert/strict";

export const { SFAI_URL: url, SFAI_KEY: key, SFAI_ROLE: role, SFAI_MODEL: model } = process.env;

export async function run(cases) {
  const name = process.argv[2];
  assert.ok(Object.hasOwn(cases, name), `there is no case ${name}: ${Object.keys(cases)}`);
  await cases[name]();
  // Kept-alive connections would hold the process for seconds.
  process.stdout.write(`passed ${name}\n`, () => process.exit(0));
}

export async function all(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}
