// What a program that uses Anthropic's own JavaScript package does. Usage: node with_anthropic.mjs BASE_URL MODEL KEY
import assert from "node:assert/strict";
import Anthropic from "@anthropic-ai/sdk";

const [baseURL, model, apiKey] = process.argv.slice(2);
const client = new Anthropic({ baseURL, apiKey, maxRetries: 0, timeout: 120_000 });
const messages = [{ role: "user", content: "hello" }];
const words = " one two three four five six seven eight"; // what the model says, of ../gguf.py

const said = await client.messages.stream({ model, messages, max_tokens: 8 }).finalMessage();
assert.equal(said.content[0].text, words);
assert.equal(said.stop_reason, "max_tokens");

const tools = [{ name: "weather", input_schema: {
  type: "object", properties: { city: { type: "string", enum: ["Ithaca"] } }, required: ["city"] } }];
assert.equal((await client.messages.create({ model, messages, tools, max_tokens: 8 })).role, "assistant");

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
