// What a program that uses Ollama's own JavaScript package does. Usage: node with_ollama.mjs URL MODEL KEY [embeddings | tool | long]
import assert from "node:assert/strict";
import { Ollama } from "ollama";

const [host, model, key, mode] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${key}` };
const client = new Ollama({ host, headers });
const messages = [{ role: "user", content: "hello" }];
const words = " one two three four five six seven eight"; // what the model says, of ../gguf.py
const options = { num_predict: 8 };

async function all(stream) {
  const pieces = [];
  for await (const piece of stream) pieces.push(piece);
  return pieces;
}

if (mode === "embeddings") {
  const both = await client.embed({ model, input: ["one", "two"] });
  assert.equal(both.embeddings.length, 2);
  assert.ok((await client.embeddings({ model, prompt: "one" })).embedding.length > 8);
  process.exit(0);
}

if (mode === "tool") {
  const tools = [{ type: "function", function: { name: "weather", description: "Tells the weather.", parameters: {
    type: "object", required: ["city"], properties: { city: { type: "string", description: "where" } } } } }];
  const pieces = await all(await client.chat({ model, messages, tools, stream: true }));
  const calls = pieces.flatMap((piece) => piece.message.tool_calls ?? []);
  assert.deepEqual(calls, [{ function: { name: "weather", arguments: { city: "Rome" } } }]);
  const whole = await client.chat({ model, messages, tools });
  assert.deepEqual(whole.message.tool_calls, calls);
  process.exit(0);
}

if (mode === "long") { // the model takes longer to load than --sse-ping
  const pieces = await all(await client.chat({ model, messages, stream: true }));
  assert.equal(pieces.map((piece) => piece.message.content).join(""), "01234"); // what the fake llama-server says
  assert.ok(pieces[0].message.content === "" && !pieces[0].done && pieces.at(-1).done);
  process.exit(0);
}

assert.ok((await client.version()).version);
const [mine] = (await client.list()).models;
assert.match(mine.name, /:latest$/);
assert.equal(mine.details.family, "llama");
const shown = await client.show({ model });
assert.deepEqual(shown.capabilities, ["completion"]);
assert.equal(shown.model_info["llama.context_length"], 32768);

const answer = await client.chat({ model, messages, options });
assert.equal(answer.message.content, words);
assert.deepEqual([answer.done, answer.done_reason, answer.eval_count], [true, "length", 8]);
const pieces = await all(await client.chat({ model, messages, options, stream: true }));
assert.equal(pieces.map((piece) => piece.message.content).join(""), words);
assert.equal(pieces.at(-1).done, true);
assert.equal((await client.generate({ model, prompt: "hello", options })).response, words);
const raw = await all(await client.generate({ model, prompt: "hello", raw: true, options, stream: true }));
assert.equal(raw.map((piece) => piece.response).join(""), words);
assert.equal((await client.ps()).models[0].context_length, 8192);

for await (const piece of await client.chat({ model, messages, stream: true, options: { num_predict: 4000 } })) {
  assert.equal(piece.message.content, " one");
  break; // and hang up
}
client.abort();

await assert.rejects(client.chat({ model: `${model}x`, messages }), (error) => error.status_code === 404 && /not found/.test(error.message));
await assert.rejects(client.embed({ model, input: "a" }), (error) => error.status_code === 501 && /for embeddings.*odysseus pull/.test(error.message));
await assert.rejects(client.create({ model: "new", from: "old" }), /creates no models/);
await assert.rejects(new Ollama({ host }).list(), /key/);
assert.equal((await client.pull({ model })).status, "success");
assert.deepEqual((await all(await client.pull({ model, stream: true }))).map((one) => one.status), ["pulling manifest", "success"]);
