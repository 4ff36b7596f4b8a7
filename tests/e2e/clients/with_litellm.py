"""What a program that uses LiteLLM does. Usage: with_litellm.py BASE_URL MODEL KEY [tool]"""
import sys

import litellm

base_url, model, key = sys.argv[1:4]
options = {"model": "openai/" + model, "api_base": base_url, "api_key": key, "num_retries": 0, "timeout": 120}
hello = [{"role": "user", "content": "hello"}]
words = " one two three four five six seven eight"  # what the model says, of ../gguf.py
tool = {"type": "function", "function": {"name": "weather", "parameters": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}

if sys.argv[4:] == ["tool"]:
    streamed = litellm.stream_chunk_builder(list(litellm.completion(messages=hello, tools=[tool], stream=True, **options)))
    for answer in (litellm.completion(messages=hello, tools=[tool], **options), streamed):
        calls = [call.function for call in answer.choices[0].message.tool_calls]
        assert [(call.name, call.arguments) for call in calls] == [("weather", '{"city": "Rome"}')], answer
        assert answer.choices[0].finish_reason == "tool_calls", answer
    sys.exit(0)

said = [piece.choices[0].delta.content or "" for piece in litellm.completion(messages=hello, max_tokens=8, stream=True, **options)]
assert "".join(said) == words, said

stream = litellm.completion(messages=hello, max_tokens=4000, stream=True, extra_body={"ignore_eos": True}, **options)
assert next(iter(stream)).choices
stream.completion_stream.response.close()  # hang up

try:
    litellm.completion(messages=hello, **{**options, "model": "openai/" + model + "x"})
    raise AssertionError("an unknown model was taken")
except litellm.NotFoundError as error:
    assert model in str(error), error
