// The OpenAI SDK for Node against the router: chats, responses, completions.
import assert from "node:assert/strict";

import OpenAI from "openai";

import { all, key, model, role, run, url } from "./running.mjs";

const sdk = (options = {}) => new OpenAI({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0, ...options });
const client = sdk();
const user = (content) => ({ role: "user", content });

const schema = (properties) => ({
  type: "object", properties, required: Object.keys(properties), additionalProperties: false,
});
const tool = (name, properties) => ({
  type: "function", name, description: `${name}.`, strict: true, parameters: schema(properties),
});
const TOOLS = [tool("read_file", { path: { type: "string" } }), tool("list_files", {})];
const CHAT_TOOLS = TOOLS.map(({ type, ...rest }) => ({ type, function: rest }));
const TWO_CALLS = 'Look.\ncall read_file {"path": "Größe \\"1\\".txt"}\ncall list_files';
const ARGUMENTS = [{ path: 'Größe "1".txt' }, {}];

async function checkCallsAndResults(response) {
  const calls = response.output.filter((it) => it.type === "function_call");
  assert.deepEqual(calls.map((it) => it.name), ["read_file", "list_files"]);
  assert.deepEqual(calls.map((it) => JSON.parse(it.arguments)), ARGUMENTS);
  const results = calls.map((call, place) => ({
    type: "function_call_output", call_id: call.call_id, output: `result ${place}`,
  }));
  const input = [user(TWO_CALLS), ...response.output, ...results];
  const answer = await client.responses.create({ model: role, tools: TOOLS, input, store: false });
  assert.match(answer.output_text, /result 0/);
  assert.match(answer.output_text, /result 1/);
}

await run({
  async chat() {
    const asked = client.chat.completions.create({ model: role, messages: [user("Hello, router")] });
    const { data, response } = await asked.withResponse();
    assert.match(data.choices[0].message.content, /You said: “Hello, router”/);
    assert.equal(data.choices[0].finish_reason, "stop");
    assert.equal(response.headers.get("x-sfai-model"), model);
  },
  async chat_stream() {
    const stream = await client.chat.completions.create({
      model: role, messages: [user("Hello, stream")], stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await all(stream);
    const texts = chunks.map((chunk) => chunk.choices[0]?.delta.content ?? "");
    assert.match(texts.join(""), /You said: “Hello, stream”/);
    assert.ok(chunks.at(-1).usage.completion_tokens > 5);
  },
  async chat_structured() {
    const format = { name: "person", strict: true, schema: schema({ name: { type: "string" } }) };
    const { choices } = await client.chat.completions.parse({
      model: role, messages: [user("Ada")], response_format: { type: "json_schema", json_schema: format },
    });
    assert.deepEqual(choices[0].message.parsed ?? JSON.parse(choices[0].message.content), { name: "Ada" });
  },
  async chat_vision() {
    const image_url = { url: "data:image/png;base64,iVBORw0KGgo=" };
    const content = [{ type: "text", text: "See?" }, { type: "image_url", image_url }];
    const { choices } = await client.chat.completions.create({ model: role, messages: [user(content)] });
    assert.match(choices[0].message.content, /See\?/);
  },
  async chat_tools() {
    const stream = client.chat.completions.stream({
      model: role, messages: [user(TWO_CALLS)], tools: CHAT_TOOLS,
    });
    const { message } = (await stream.finalChatCompletion()).choices[0];
    assert.deepEqual(message.tool_calls.map((it) => JSON.parse(it.function.arguments)), ARGUMENTS);
  },
  async response() {
    const asked = { model: role, instructions: "Be brief.", input: "Hello, router", store: false };
    const response = await client.responses.create(asked);
    assert.match(response.output_text, /You said: “Hello, router”/);
    assert.equal(response.status, "completed");
    assert.ok(response.usage.input_tokens > 0 && response.usage.output_tokens > 0);
  },
  async response_stream() {
    const stream = client.responses.stream({ model: role, input: [user("Hello, stream")] });
    const events = await all(stream);
    const kinds = events.map((event) => event.type);
    assert.equal(kinds[0], "response.created");
    assert.equal(kinds.at(-1), "response.completed");
    assert.ok(kinds.filter((kind) => kind === "response.output_text.delta").length > 5);
    assert.match((await stream.finalResponse()).output_text, /You said: “Hello, stream”/);
  },
  async response_structured() {
    const format = { type: "json_schema", name: "person", strict: true, schema: schema({ name: { type: "string" } }) };
    const response = await client.responses.create({ model: role, input: "Ada", text: { format } });
    assert.deepEqual(JSON.parse(response.output_text), { name: "Ada" });
  },
  async response_limit() {
    const response = await client.responses.create({ model: role, input: "Hello", max_output_tokens: 16 });
    assert.equal(response.status, "incomplete");
    assert.equal(response.incomplete_details.reason, "max_output_tokens");
  },
  async response_tools() {
    await checkCallsAndResults(await client.responses.create({ model: role, tools: TOOLS, input: TWO_CALLS }));
  },
  async response_streamed_tools() {
    const stream = client.responses.stream({ model: role, tools: TOOLS, input: TWO_CALLS });
    await checkCallsAndResults(await stream.finalResponse());
  },
  async completion() {
    const completion = await client.completions.create({ model: role, prompt: "fn main() {", suffix: "}" });
    assert.equal(typeof completion.choices[0].text, "string");
    const stream = await client.completions.create({
      model: role, prompt: "fn main() {", stream: true, stream_options: { include_usage: true },
    });
    const chunks = await all(stream);
    assert.ok(chunks.flatMap((it) => it.choices).every((choice) => typeof choice.text === "string"));
    assert.ok(chunks.at(-1).usage.total_tokens > 0);
  },
  async models() {
    const models = await all(client.models.list());
    assert.ok(models.some((it) => it.id === role));
    assert.equal((await client.models.retrieve(role)).id, role);
  },
  async errors() {
    const unknown = client.responses.create({ model: "nobody", input: "Hello" });
    await assert.rejects(unknown, (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.equal(error.code, "model_not_found");
      return true;
    });
    const stranger = sdk({ apiKey: "another key" }).responses.create({ model: role, input: "Hello" });
    await assert.rejects(stranger, OpenAI.AuthenticationError);
  },
  // Against the upstream that fails as the role's name says.
  async overloaded() {
    const asked = { model: role, input: "Hello" };
    await assert.rejects(sdk({ maxRetries: 2 }).responses.create(asked), { status: 503 });
  },
  async rescued() {
    const response = await client.responses.create({ model: role, input: "Hello, rescue" });
    assert.match(response.output_text, /Hello, rescue/);
  },
  async broken() {
    const stream = client.responses.stream({ model: role, input: "Hello" });
    await assert.rejects(stream.finalResponse(), (error) => {
      assert.match(error.message, /incomplete/);
      return true;
    });
  },
});
