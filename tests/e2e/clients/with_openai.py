"""What a program that uses OpenAI's own Python package does. Usage: with_openai.py BASE_URL MODEL KEY [embeddings | tool]"""
import sys

import openai

base_url, model, key = sys.argv[1:4]
client = openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=120)
hello = [{"role": "user", "content": "hello"}]
words = " one two three four five six seven eight"  # what the model says, of ../gguf.py

if sys.argv[4:] == ["embeddings"]:
    vectors = client.embeddings.create(model=model, input=["one", "two"]).data
    assert len(vectors) == 2 and len(vectors[0].embedding) > 8, vectors
    sys.exit(0)

if sys.argv[4:] == ["tool"]:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}
    choice = client.chat.completions.create(model=model, messages=hello, tools=[tool]).choices[0]
    (call,) = choice.message.tool_calls
    assert (call.function.name, call.function.arguments) == ("weather", '{"city": "Rome"}'), call
    assert choice.finish_reason == "tool_calls", choice
    pieces = [piece.choices[0] for piece in client.chat.completions.create(model=model, messages=hello, tools=[tool], stream=True)]
    calls = [call.function for piece in pieces for call in piece.delta.tool_calls or []]
    assert [c.name for c in calls if c.name] == ["weather"] and "".join(c.arguments or "" for c in calls) == '{"city": "Rome"}', pieces
    assert pieces[-1].finish_reason == "tool_calls", pieces
    answered = [*hello, choice.message, {"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    assert client.chat.completions.create(model=model, messages=answered).choices[0].message.content
    sys.exit(0)

listed = [entry.id for entry in client.models.list()]
assert model in listed, listed
assert client.models.retrieve(model).id == model

# The first stream waits for the model; comments keep it alive meanwhile (../test_clients.py).
pieces = list(client.chat.completions.create(model=model, messages=hello, max_tokens=8, stream=True,
                                             stream_options={"include_usage": True}))
assert pieces[-1].usage.completion_tokens == 8, pieces
assert "".join(p.choices[0].delta.content or "" for p in pieces if p.choices) == words, pieces
assert any(p.choices and p.choices[0].finish_reason == "length" for p in pieces), pieces

answer = client.chat.completions.create(model=model, messages=hello, max_tokens=8)
assert answer.choices[0].message.role == "assistant" and answer.choices[0].message.content == words, answer
assert answer.choices[0].finish_reason == "length" and answer.usage.completion_tokens == 8, answer

answer = client.completions.create(model=model, prompt="once", max_tokens=4)
assert answer.choices[0].text == " one two three four" and answer.usage.completion_tokens == 4, answer

raw = client.chat.completions.with_raw_response.create(model=model, messages=hello, max_tokens=1)
assert raw.status_code == 200 and raw.parse().choices, raw

with client.chat.completions.create(model=model, messages=hello, max_tokens=4000, stream=True,
                                    extra_body={"ignore_eos": True}) as stream:
    said = (piece.choices[0].delta.content for piece in stream)
    assert next(text for text in said if text) == " one"  # and hang up

try:
    client.chat.completions.create(model=model + "x", messages=hello)
    raise AssertionError("an unknown model was taken")
except openai.NotFoundError as error:
    assert error.code == "model_not_found" and model in error.message, error

try:
    client.chat.completions.create(model=model, messages="no list")
    raise AssertionError("a bad request was taken")
except openai.APIStatusError as error:
    assert error.status_code >= 400, error

try:
    openai.OpenAI(base_url=base_url, api_key="wrong", max_retries=0).models.list()
    raise AssertionError("a wrong key was taken")
except openai.AuthenticationError as error:
    assert error.code == "invalid_api_key", error
