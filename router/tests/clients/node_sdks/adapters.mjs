// Continue's own adapters, by which its editor and `cn` call a model: completions, the gap between
// two texts, embeddings.
import assert from "node:assert/strict";

import { constructLlmApi } from "@continuedev/openai-adapters";

import { all, key, role, run, url } from "./running.mjs";

// The slash: without it the path of FIM loses its last part.
const api = constructLlmApi({ provider: "openai", apiKey: key, apiBase: `${url}/v1/` });
const signal = new AbortController().signal;

await run({
  async chat() {
    const body = { model: role, messages: [{ role: "user", content: "Hello, adapter" }], stream: true };
    const chunks = await all(api.chatCompletionStream(body, signal));
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    assert.match(text, /You said: “Hello, adapter”/);
  },
  // What the editor sends for an edit: the code around, the part that changes, and what it should be.
  async edit() {
    const content = "Rewrite the part between the marks.\n```rust\nfn main() {\n<START EDITING HERE>\n    todo!()\n"
      + "<STOP EDITING HERE>\n}\n```\nIt should print a line.";
    const body = {
      model: role, messages: [{ role: "user", content }], stream: true, max_tokens: 2000,
      prediction: { type: "content", content: "fn main() {\n    todo!()\n}\n" },
    };
    const chunks = await all(api.chatCompletionStream(body, signal));
    const text = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "").join("");
    assert.match(text, /Rewrite the part between the marks/);
    assert.ok(chunks.some((chunk) => chunk.choices[0]?.finish_reason === "stop"));
  },
  async completion() {
    const body = { model: role, prompt: "<fim_prefix>fn main() {<fim_suffix>}<fim_middle>", stream: true, max_tokens: 20 };
    const chunks = await all(api.completionStream(body, signal));
    assert.ok(chunks.length > 0);
    assert.ok(chunks.every((chunk) => chunk.choices.every((choice) => typeof choice.text === "string")));
  },
  async fim() {
    const body = { model: role, prompt: "fn main() {", suffix: "}", stream: true, max_tokens: 20 };
    const chunks = await all(api.fimStream(body, signal));
    assert.ok(chunks.some((chunk) => chunk.choices[0].finish_reason));
  },
  // The upstream gives a text's length.
  async embeddings() {
    const { data } = await api.embed({ model: role, input: ["one", "two"] });
    assert.equal(data.length, 2);
    assert.deepEqual(data.map((it) => [...it.embedding]), [[3, 0.5], [3, 0.5]]);
  },
  async list() {
    assert.ok((await api.list()).some((it) => it.id === role));
  },
});
