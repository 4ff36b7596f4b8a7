"""What a program that uses Anthropic's own package does. Usage: with_anthropic.py BASE_URL MODEL KEY"""
import sys

import anthropic

base_url, model, key = sys.argv[1:4]
client = anthropic.Anthropic(base_url=base_url, api_key=key, max_retries=0, timeout=120)
hello = [{"role": "user", "content": "hello"}]

answer = client.messages.create(model=model, max_tokens=8, messages=hello)
assert answer.role == "assistant" and answer.usage.output_tokens > 0, answer

for _ in range(10):  # a model of random weights may end at once, and then llama-server sends no message at all
    with client.messages.stream(model=model, max_tokens=8, messages=hello) as stream:
        if "".join(stream.text_stream):
            assert stream.get_final_message().usage.output_tokens > 0
            break
else:
    raise AssertionError("no text in ten streams")

assert client.messages.count_tokens(model=model, messages=hello).input_tokens > 0

try:
    client.messages.create(model=model + "x", max_tokens=8, messages=hello)
    raise AssertionError("an unknown model was taken")
except anthropic.NotFoundError as error:
    assert model in error.message, error

try:
    anthropic.Anthropic(base_url=base_url, api_key="wrong", max_retries=0).messages.create(
        model=model, max_tokens=8, messages=hello)
    raise AssertionError("a wrong key was taken")
except anthropic.AuthenticationError:
    pass
