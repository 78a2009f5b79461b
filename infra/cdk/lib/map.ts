/**
 * What the stack must know of the map that it begins with: its environment and its secrets.
 *
 * Owns no more of the format than that; the map is checked by `sfai-dsl` and by the router.
 */
import * as fs from 'node:fs';
import { Trouble, type Choices } from './choices.ts';

export interface MapFacts {
  /** The hexadecimal digits, by which `sfai-dsl push` names versions. */
  readonly digest: string;
  readonly roles: number;
  /** Without the prefix, in order. */
  readonly secrets: string[];
}

/** What clients send, as `name:key,name:key`. */
const CLIENT_KEYS = 'CLIENT_KEYS';
/** Always there, so that a first `push` of a map of either needs no deployment. */
const ALWAYS = ['ANTHROPIC_API_KEY', 'OPENAI_API_KEY', CLIENT_KEYS];

/** Where the secrets of an environment are. */
export function prefix(env: string): string {
  return `/sfai/${env}/`;
}

export function readMap({ map: file, env, moreSecrets }: Choices): MapFacts {
  if (!fs.existsSync(file)) throw new Trouble(`there is no map at ${file}: run \`sfai-dsl compile\``);
  const map = parse(file);
  if (map.env !== env) {
    throw new Trouble(`the map ${file} was compiled for the environment ${JSON.stringify(map.env)}, and the stack is for`
      + ` ${JSON.stringify(env)}: run \`sfai-dsl compile --env ${env} -o FILE\` and give it with -c map=FILE,`
      + ' or choose the environment with SFAI_ENV');
  }
  const named = secretsOf(map);
  const elsewhere = named.filter((name) => !name.startsWith(prefix(env)));
  if (elsewhere.length > 0) {
    throw new Trouble(`the map ${file} names secrets outside ${prefix(env)}, which the function may not read:`
      + ` ${elsewhere.join(', ')}; write "/sfai/\${env}/…" in the route`);
  }
  const short = named.map((name) => name.slice(prefix(env).length));
  return {
    digest: String(map.digest).replace('sha256:', ''),
    roles: Object.keys(map.roles ?? {}).length,
    secrets: [...new Set([...ALWAYS, ...moreSecrets, ...short])].sort(),
  };
}

function parse(file: string): Record<string, unknown> {
  try {
    const map = JSON.parse(fs.readFileSync(file, 'utf8'));
    if (typeof map?.env === 'string' && /^sha256:[0-9a-f]{64}$/.test(map?.digest)) return map;
  } catch (error) {
    throw new Trouble(`the map ${file} is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  throw new Trouble(`${file} is no map: it has no env and digest; run \`sfai-dsl compile\``);
}

/** Every `{"secret": "…"}` of the providers' and clients' keys. */
function secretsOf(map: Record<string, unknown>): string[] {
  const holders = ['providers', 'clients'].flatMap((part) => Object.values(map[part] ?? {}));
  const keys = holders.flatMap((holder) => Object.values(holder ?? {}));
  return keys.flatMap((key: unknown) => {
    const secret = typeof key === 'object' && key !== null && 'secret' in key ? key.secret : undefined;
    return typeof secret === 'string' ? [secret] : [];
  });
}
