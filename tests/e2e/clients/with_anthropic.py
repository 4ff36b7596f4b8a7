"""What a program that uses Anthropic's own package does. Usage: with_anthropic.py BASE_URL MODEL KEY [tool | WORDS]"""
import sys

import anthropic

base_url, model, key = sys.argv[1:4]
client = anthropic.Anthropic(base_url=base_url, api_key=key, max_retries=0, timeout=120)
hello = [{"role": "user", "content": "hello"}]
# What the model says in eight tokens (../gguf.py).
words = sys.argv[4] if len(sys.argv) > 4 else " one two three four five six seven eight"

if sys.argv[4:] == ["tool"]:
    tools = [{"name": "weather", "input_schema": {
        "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}]
    with client.messages.stream(model=model, max_tokens=64, messages=hello, tools=tools) as stream:
        answers = [stream.get_final_message()]
    answers.append(client.messages.create(model=model, max_tokens=64, messages=hello, tools=tools))
    for answer in answers:
        call = answer.content[-1]
        assert call.type == "tool_use" and (call.name, call.input) == ("weather", {"city": "Rome"}), answer
        assert answer.stop_reason == "tool_use", answer
    result = {"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}
    answer = client.messages.create(model=model, max_tokens=64, messages=[
        *hello, {"role": "assistant", "content": answers[1].content}, {"role": "user", "content": [result]}])
    assert answer.content, answer
    sys.exit(0)

with client.messages.stream(model=model, max_tokens=8, messages=hello) as stream:
    assert "".join(stream.text_stream) == words
    answer = stream.get_final_message()
assert answer.usage.output_tokens == 8 and answer.stop_reason == "max_tokens", answer

answer = client.messages.create(model=model, max_tokens=8, messages=hello)
assert answer.role == "assistant" and answer.content[0].text == words, answer
assert answer.usage.output_tokens == 8 and answer.stop_reason == "max_tokens", answer

with client.messages.stream(model=model, max_tokens=4000, messages=hello, extra_body={"ignore_eos": True}) as stream:
    next(stream.text_stream)  # and hang up

assert client.messages.count_tokens(model=model, messages=hello).input_tokens > 0

try:
    client.messages.create(model=model + "x", max_tokens=8, messages=hello)
    raise AssertionError("an unknown model was taken")
except anthropic.NotFoundError as error:
    assert model in error.message, error

try:
    with client.messages.stream(model=model + "x", max_tokens=8, messages=hello) as stream:
        stream.get_final_message()
    raise AssertionError("an unknown model was taken")
except anthropic.NotFoundError as error:
    assert model in error.message, error

try:
    anthropic.Anthropic(base_url=base_url, api_key="wrong", max_retries=0).messages.create(
        model=model, max_tokens=8, messages=hello)
    raise AssertionError("a wrong key was taken")
except anthropic.AuthenticationError:
    pass
