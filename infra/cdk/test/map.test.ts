import assert from 'node:assert/strict';
import * as fs from 'node:fs';
import * as os from 'node:os';
import * as path from 'node:path';
import { after, test } from 'node:test';
import { read } from '../lib/choices.ts';
import { readMap } from '../lib/map.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'sfai-'));
after(() => fs.rmSync(folder, { recursive: true }));

function facts(text: string, more: Record<string, string> = {}) {
  const map = path.join(folder, 'map.json');
  fs.writeFileSync(map, text);
  return readMap(read({ map, env: 'dev', ...more }, {}));
}

const map = (secret: string, env = 'dev') =>
  JSON.stringify({ env, digest: `sha256:${'0'.repeat(64)}`, providers: { openai: { api_key: { secret } } } });

test('secrets are those of the map, those chosen, and those that always are', () => {
  const { secrets } = facts(map('/sfai/dev/GROQ_API_KEY'), { moreSecrets: 'GOOGLE_API_KEY,GROQ_API_KEY' });
  assert.deepEqual(secrets,
    ['ANTHROPIC_API_KEY', 'CLIENT_KEYS', 'GOOGLE_API_KEY', 'GROQ_API_KEY', 'OPENAI_API_KEY']);
});

test('a map of another environment is refused', () => {
  assert.throws(() => facts(map('/sfai/prod/A', 'prod')),
    /was compiled for the environment "prod", and the stack is for "dev": run `sfai-dsl compile --env dev -o FILE`/);
});

test('a secret that the function may not read is refused', () => {
  assert.throws(() => facts(map('/sfai/prod/A')), /names secrets outside \/sfai\/dev\/.*: \/sfai\/prod\/A; write/);
});

test('what is no map is refused', () => {
  assert.throws(() => facts('{'), /is no JSON: /);
  assert.throws(() => facts('[]'), /is no map: it has no env and digest/);
});
