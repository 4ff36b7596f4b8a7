// What a program that uses Anthropic's own JavaScript package does. Usage: node with_anthropic.mjs BASE_URL MODEL KEY [tool]
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";

const [baseURL, model, apiKey, mode] = process.argv.slice(2);
const client = new Anthropic({ baseURL, apiKey, maxRetries: 0, timeout: 120_000 });
const messages = [{ role: "user", content: "hello" }];
const words = " one two three four five six seven eight"; // what the model says, of ../gguf.py

if (mode === "tool") {
  const tools = [{ name: "weather", input_schema: { type: "object", properties: { city: { type: "string" } }, required: ["city"] } }];
  const asked = { model, messages, tools, max_tokens: 64 };
  for (const answer of [await client.messages.stream(asked).finalMessage(), await client.messages.create(asked)]) {
    const call = answer.content.at(-1);
    assert.deepEqual([call.type, call.name, call.input], ["tool_use", "weather", { city: "Rome" }]);
    assert.equal(answer.stop_reason, "tool_use");
  }
  process.exit(0);
}

const said = await client.messages.stream({ model, messages, max_tokens: 8 }).finalMessage();
assert.equal(said.content[0].text, words);
assert.equal(said.stop_reason, "max_tokens");

assert.ok((await client.messages.countTokens({ model, messages })).input_tokens > 0);

for await (const event of client.messages.stream({ model, messages, max_tokens: 4000 })) {
  assert.equal(event.type, "message_start");
  break; // and hang up
}

await assert.rejects(client.messages.create({ model: `${model}x`, messages, max_tokens: 8 }),
  (error) => error instanceof Anthropic.NotFoundError && error.error.type === "error");
await assert.rejects(client.messages.create({ model, max_tokens: 8 }),
  (error) => error instanceof Anthropic.APIError && error.error.error.type.length > 0);
await assert.rejects(new Anthropic({ baseURL, apiKey: "wrong", maxRetries: 0 }).messages.create({ model, messages, max_tokens: 8 }),
  Anthropic.AuthenticationError);
