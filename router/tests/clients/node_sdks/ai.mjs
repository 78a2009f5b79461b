// Vercel's AI SDK against the router: what its users see.
import assert from "node:assert/strict";

import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, Output, stepCountIs, streamText, tool } from "ai";

import { all, key, role, run, url } from "./running.mjs";

const provider = (apiKey) => createOpenAICompatible({
  name: "sfai", baseURL: `${url}/v1`, apiKey, includeUsage: true, supportsStructuredOutputs: true,
});
const model = provider(key)(role);
const asked = (more) => ({ model, maxRetries: 0, ...more });

const schema = (properties) => jsonSchema({
  type: "object", properties, required: Object.keys(properties), additionalProperties: false,
});

await run({
  async whole() {
    const { text, finishReason, usage } = await generateText(asked({ prompt: "Hello, router" }));
    assert.match(text, /You said: “Hello, router”/);
    assert.equal(finishReason, "stop");
    assert.ok(usage.inputTokens > 0 && usage.outputTokens > 0);
  },
  async stream() {
    const answer = streamText(asked({ prompt: "Hello, stream", system: "Be brief." }));
    const pieces = await all(answer.textStream);
    assert.ok(pieces.length > 5);
    assert.match(pieces.join(""), /You said: “Hello, stream”/);
    assert.ok((await answer.usage).outputTokens > 5);
    assert.equal(await answer.finishReason, "stop");
  },
  // Its own loop: it calls the tools and sends the results back.
  async tools() {
    const called = [];
    const one = (name, properties) => tool({
      description: `${name}.`, inputSchema: schema(properties),
      execute: async (input) => { called.push([name, input]); return `result of ${name}`; },
    });
    const tools = { read_file: one("read_file", { path: { type: "string" } }), list_files: one("list_files", {}) };
    const prompt = 'Look.\ncall read_file {"path": "Größe \\"1\\".txt"}\ncall list_files';
    const { text, steps } = await generateText(asked({ prompt, tools, stopWhen: stepCountIs(3) }));
    assert.deepEqual(called, [["read_file", { path: 'Größe "1".txt' }], ["list_files", {}]]);
    assert.equal(steps.length, 2);
    assert.match(text, /result of read_file/);
    assert.match(text, /result of list_files/);
  },
  async structured() {
    const output = Output.object({ schema: schema({ name: { type: "string" }, age: { type: "integer" } }) });
    const answer = await generateText(asked({ prompt: "Ada", output }));
    assert.deepEqual(answer.output, { name: "Ada", age: 1 });
  },
  async vision() {
    const image = new Uint8Array([137, 80, 78, 71, 13, 10, 26, 10]);
    const content = [{ type: "text", text: "See?" }, { type: "image", image, mediaType: "image/png" }];
    const { text } = await generateText(asked({ messages: [{ role: "user", content }] }));
    assert.match(text, /See\?/);
  },
  async errors() {
    const unknown = generateText(asked({ model: provider(key)("nobody"), prompt: "Hello" }));
    await assert.rejects(unknown, (error) => {
      assert.equal(error.statusCode, 404);
      assert.match(error.message, /nobody/);
      return true;
    });
    const stranger = generateText(asked({ model: provider("another key")(role), prompt: "Hello" }));
    await assert.rejects(stranger, { statusCode: 401 });
  },
  // Against the upstream that fails as the role's name says.
  async rescued() {
    const { text } = await generateText(asked({ prompt: "Hello, rescue" }));
    assert.match(text, /Hello, rescue/);
  },
  async broken() {
    const failures = [];
    const onError = ({ error }) => failures.push(error);
    const answer = streamText(asked({ prompt: "Hello", onError }));
    await all(answer.fullStream);
    assert.equal(failures.length, 1);
    assert.equal(await answer.finishReason.catch(() => "error"), "error");
  },
});
