// What a program that uses OpenAI's own JavaScript package does. Usage: node with_openai.mjs BASE_URL MODEL KEY [tool]
import assert from "node:assert/strict";
import OpenAI from "openai";

const [baseURL, model, apiKey, mode] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0, timeout: 120_000 });
const messages = [{ role: "user", content: "hello" }];
const words = " one two three four five six seven eight"; // what the model says, of ../gguf.py

if (mode === "tool") {
  const tools = [{ type: "function", function: { name: "weather", parameters: {
    type: "object", properties: { city: { type: "string" } }, required: ["city"] } } }];
  const final = await client.chat.completions.stream({ model, messages, tools }).finalChatCompletion();
  for (const choice of [final.choices[0], (await client.chat.completions.create({ model, messages, tools })).choices[0]]) {
    assert.deepEqual(choice.message.tool_calls.map((call) => [call.function.name, JSON.parse(call.function.arguments)]),
      [["weather", { city: "Rome" }]]);
    assert.equal(choice.finish_reason, "tool_calls");
  }
  process.exit(0);
}

let [said, finished] = ["", ""];
for await (const piece of await client.chat.completions.create({ model, messages, max_tokens: 8, stream: true })) {
  said += piece.choices[0]?.delta.content ?? "";
  finished ||= piece.choices[0]?.finish_reason;
}
assert.deepEqual([said, finished], [words, "length"]);

const answer = await client.chat.completions.create({ model, messages, max_tokens: 8 });
assert.equal(answer.choices[0].message.content, words);
assert.equal(answer.usage.completion_tokens, 8);

const stream = await client.chat.completions.create({ model, messages, max_tokens: 4000, stream: true, ignore_eos: true });
for await (const piece of stream) {
  assert.ok(piece.id);
  break; // and hang up
}

await assert.rejects(client.chat.completions.create({ model: `${model}x`, messages }),
  (error) => error instanceof OpenAI.NotFoundError && error.code === "model_not_found");
await assert.rejects(new OpenAI({ baseURL, apiKey: "wrong", maxRetries: 0 }).models.list(), OpenAI.AuthenticationError);
