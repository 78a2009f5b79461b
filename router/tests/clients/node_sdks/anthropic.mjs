// The Anthropic SDK for Node against the router: what its users see.
import assert from "node:assert/strict";

import Anthropic from "@anthropic-ai/sdk";

import { all, key, model, role, run, url } from "./running.mjs";

const sdk = (options = {}) => new Anthropic({ baseURL: url, apiKey: key, maxRetries: 0, ...options });
const client = sdk();
const user = (content) => ({ role: "user", content });
const asked = (content, more = {}) => ({ model: role, max_tokens: 1000, messages: [user(content)], ...more });

const schema = (properties) => ({ type: "object", properties, required: Object.keys(properties) });
const TOOLS = [
  { name: "read_file", description: "Reads.", input_schema: schema({ path: { type: "string" } }) },
  { name: "list_files", description: "Lists.", input_schema: schema({}) },
];
const TWO_CALLS = 'Look.\ncall read_file {"path": "Größe \\"1\\".txt"}\ncall list_files';

const text = (message) => message.content.filter((it) => it.type === "text").map((it) => it.text).join("");

async function checkCallsAndResults(message) {
  assert.equal(message.stop_reason, "tool_use");
  const calls = message.content.filter((it) => it.type === "tool_use");
  assert.deepEqual(calls.map((it) => it.name), ["read_file", "list_files"]);
  assert.deepEqual(calls.map((it) => it.input), [{ path: 'Größe "1".txt' }, {}]);
  const results = calls.map((call, place) => ({
    type: "tool_result", tool_use_id: call.id, content: `result ${place}`,
  }));
  const messages = [user(TWO_CALLS), { role: "assistant", content: message.content }, user(results)];
  const answer = await client.messages.create({ model: role, max_tokens: 1000, tools: TOOLS, messages });
  assert.match(text(answer), /result 0/);
  assert.match(text(answer), /result 1/);
}

await run({
  async whole() {
    const { data, response } = await client.messages.create(asked("Hello, router")).withResponse();
    assert.match(text(data), /You said: “Hello, router”/);
    assert.equal(data.type, "message");
    assert.equal(data.stop_reason, "end_turn");
    assert.ok(data.usage.input_tokens > 0 && data.usage.output_tokens > 0);
    assert.equal(response.headers.get("x-sfai-model"), model);
  },
  async stream() {
    const stream = client.messages.stream(asked("Hello, stream", { system: "Be brief." }));
    const events = await all(stream);
    const kinds = events.map((event) => event.type);
    assert.equal(kinds[0], "message_start");
    assert.deepEqual(kinds.slice(-2), ["message_delta", "message_stop"]);
    const message = await stream.finalMessage();
    assert.match(text(message), /You said: “Hello, stream”/);
    assert.ok(message.usage.input_tokens > 0 && message.usage.output_tokens > 5);
  },
  async limit() {
    const message = await client.messages.stream(asked("Hello", { max_tokens: 3 })).finalMessage();
    assert.equal(message.stop_reason, "max_tokens");
  },
  async structured() {
    const format = { type: "json_schema", schema: { ...schema({ name: { type: "string" } }), additionalProperties: false } };
    const message = await client.messages.create(asked("Ada", { output_config: { format } }));
    assert.deepEqual(JSON.parse(text(message)), { name: "Ada" });
  },
  async forced() {
    const message = await client.messages.create(asked("a.txt", {
      tools: TOOLS, tool_choice: { type: "tool", name: "read_file" },
    }));
    const [call] = message.content.filter((it) => it.type === "tool_use");
    assert.deepEqual([call.name, call.input], ["read_file", { path: "a.txt" }]);
  },
  async tools() {
    await checkCallsAndResults(await client.messages.create(asked(TWO_CALLS, { tools: TOOLS })));
  },
  async streamed_tools() {
    const stream = client.messages.stream(asked(TWO_CALLS, { tools: TOOLS }));
    await checkCallsAndResults(await stream.finalMessage());
  },
  async vision() {
    const source = { type: "base64", media_type: "image/png", data: "iVBORw0KGgo=" };
    const content = [{ type: "image", source }, { type: "text", text: "See?" }];
    assert.match(text(await client.messages.create(asked(content))), /See\?/);
  },
  async count() {
    const count = await client.messages.countTokens({ model: role, messages: [user("Hello")] });
    assert.ok(count.input_tokens > 0);
  },
  async models() {
    const models = await all(client.models.list());
    assert.ok(models.some((it) => it.id === role && it.type === "model"));
    assert.equal((await client.models.retrieve(role)).id, role);
  },
  async errors() {
    const unknown = client.messages.create({ ...asked("Hello"), model: "nobody" });
    await assert.rejects(unknown, (error) => {
      assert.ok(error instanceof Anthropic.NotFoundError);
      assert.equal(error.error.error.type, "not_found_error");
      assert.match(error.message, /nobody/);
      assert.ok(error.requestID.startsWith("req_"));
      return true;
    });
    const stranger = sdk({ apiKey: "another key" }).messages.create(asked("Hello"));
    await assert.rejects(stranger, Anthropic.AuthenticationError);
    const wrong = client.messages.create(asked("Hello", { messages: "no list" }));
    await assert.rejects(wrong, Anthropic.BadRequestError);
  },
  // Against the upstream that fails as the role's name says.
  async overloaded() {
    await assert.rejects(sdk({ maxRetries: 2 }).messages.create(asked("Hello")), (error) => {
      assert.equal(error.status, 529);
      assert.equal(error.error.error.type, "overloaded_error");
      return true;
    });
  },
  async rescued() {
    assert.match(text(await client.messages.create(asked("Hello, rescue"))), /Hello, rescue/);
  },
  async broken() {
    const stream = client.messages.stream(asked("Hello"));
    await assert.rejects(stream.finalMessage(), (error) => {
      assert.ok(error instanceof Anthropic.APIError, String(error));
      assert.match(error.message, /incomplete/);
      return true;
    });
  },
  async cancelled() {
    const stream = client.messages.stream(asked("Hello"));
    const text = await new Promise((resolve) => stream.once("text", resolve));
    assert.ok(text);
    stream.abort();
    await assert.rejects(stream.finalMessage(), Anthropic.APIUserAbortError);
  },
});
