// Reads a file with Continue's own schema and prints the roles in it, sorted.
//
// The schema leaves out what it does not know without a word: so what went in is held against what
// came out. Owns that comparison alone.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { parseConfigYaml } from "@continuedev/config-yaml";
import { parse } from "yaml";

const text = readFileSync(process.argv[2], "utf8");
const read = parseConfigYaml(text);
assert.deepEqual(JSON.parse(JSON.stringify(read)), parse(text));

const MODES = ["chat", "edit", "apply", "summarize", "autocomplete", "embed"];
for (const model of read.models) {
  assert.ok(model.roles.every((role) => MODES.includes(role)), model.name);
  const completes = model.roles.includes("autocomplete");
  assert.equal(completes, model.model === "autocomplete", model.name);
  assert.ok(model.defaultCompletionOptions.contextLength >= 100_000, model.name);
}
console.log(JSON.stringify(read.models.map((model) => model.model).sort()));
