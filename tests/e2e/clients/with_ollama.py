"""What a program that uses Ollama's own Python package does. Usage: with_ollama.py URL MODEL KEY [embeddings | tool | long]"""
import sys
import time

import ollama

url, model, key = sys.argv[1:4]
client = ollama.Client(host=url, headers={"Authorization": "Bearer " + key}, timeout=120)
hello = [{"role": "user", "content": "hello"}]
words = " one two three four five six seven eight"  # what the model says, of ../gguf.py
few = {"num_predict": 8}

if sys.argv[4:] == ["embeddings"]:
    both = client.embed(model=model, input=["one", "two"])
    assert len(both.embeddings) == 2 and len(both.embeddings[0]) > 8 and both.prompt_eval_count > 1, both
    one = client.embed(model=model, input="one", dimensions=16)  # that of plain letters is the eleventh (../gguf.py)
    assert len(one.embeddings[0]) == 16 and abs(sum(x * x for x in one.embeddings[0]) - 1) < 1e-6, one
    assert len(client.embeddings(model=model, prompt="one").embedding) == len(both.embeddings[0])
    assert client.embed(model=model, input=[]).embeddings == []
    sys.exit(0)

if sys.argv[4:] == ["tool"]:
    def weather(city: str) -> str:
        """Tells the weather.

        Args:
            city: where
        """
        return "sunny in " + city

    for stream in (False, True):
        answer = client.chat(model=model, messages=hello, tools=[weather], stream=stream)
        pieces = list(answer) if stream else [answer]
        calls = [call for piece in pieces for call in piece.message.tool_calls or []]
        assert [(c.function.name, dict(c.function.arguments)) for c in calls] == [("weather", {"city": "Rome"})], pieces
        assert pieces[-1].done and pieces[-1].done_reason == "stop", pieces
    messages = [*hello, {"role": "assistant", "content": "", "tool_calls": [c.model_dump() for c in calls]},
                {"role": "tool", "tool_name": "weather", "content": weather("Rome")}]
    assert client.chat(model=model, messages=messages).done
    sys.exit(0)

if sys.argv[4:] == ["long"]:  # the model takes longer to load than --sse-ping
    pieces = list(client.chat(model=model, messages=hello, stream=True))
    assert "".join(p.message.content for p in pieces) == "01234", pieces  # what the fake llama-server says
    assert pieces[0].message.content == "" and not pieces[0].done and pieces[-1].done, pieces
    sys.exit(0)

listed = client.list().models
assert len(listed) == 1 and listed[0].model.endswith(":latest"), listed
mine = listed[0]
assert mine.size > 1000 and mine.modified_at.year >= 2024 and len(mine.digest) == 64, mine
assert mine.details.format == "gguf" and mine.details.family == "llama" and mine.details.quantization_level == "F16", mine
assert mine.details.parameter_size, mine

shown = client.show(model)
assert shown.capabilities == ["completion"], shown
assert shown.modelinfo["general.architecture"] == "llama" and shown.modelinfo["llama.context_length"] == 32768, shown
assert shown.parameters.split() == ["num_ctx", "8192"] and "messages" in shown.template, shown

answer = client.chat(model=model, messages=hello, options=few)
assert answer.message.role == "assistant" and answer.message.content == words, answer
assert answer.done and answer.done_reason == "length" and answer.eval_count == 8 and answer.prompt_eval_count > 8, answer
assert answer.total_duration >= answer.eval_duration > 0 and answer.prompt_eval_duration > 0, answer
assert answer.load_duration is not None and answer.created_at and answer.model == model, answer

running = client.ps().models
assert [m.model for m in running] == [mine.model] and running[0].context_length == 8192, running

pieces = list(client.chat(model=model + ":latest", messages=hello, options=few, stream=True))
assert "".join(p.message.content for p in pieces) == words and len(pieces) == 9, pieces
assert [p.done for p in pieces] == [False] * 8 + [True] and pieces[-1].eval_count == 8, pieces

answer = client.generate(model=model, prompt="hello", options=few, logprobs=True)
assert answer.response == words and answer.done_reason == "length" and len(answer.logprobs) == 8, answer
answer = client.generate(model=model, prompt="hello", raw=True)
assert answer.response == words + " nine ten" and answer.done_reason == "stop", answer
pieces = list(client.generate(model=model, prompt="hello", raw=True, options=few, stream=True))
assert "".join(p.response for p in pieces) == words and pieces[-1].prompt_eval_count > 0, pieces
assert client.generate(model=model).done_reason == "load"

schema = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
assert client.chat(model=model, messages=hello, format=schema, options={"num_predict": 20}).message.content.strip().startswith("{")
assert client.chat(model=model, messages=hello, format="json", options={"num_predict": 20}).message.content.strip().startswith("{")
assert client.chat(model=model, messages=hello, think=False, options=few, keep_alive="10m").message.content == words

stream = client.chat(model=model, messages=hello, stream=True, options={"num_predict": 4000, "num_ctx": 512})
assert next(stream).message.content == " one"
stream.close()  # and hang up


def refused(call, status, *parts):
    try:
        call()
    except ollama.ResponseError as error:
        assert error.status_code == status and all(part in error.error for part in parts), error
    else:
        raise AssertionError("taken: %d %s" % (status, parts))


refused(lambda: client.chat(model=model + "x", messages=hello), 404, "not found", model)
refused(lambda: list(client.chat(model=model + "x", messages=hello, stream=True)), 404, "not found")
refused(lambda: client.show("nothing"), 404, "not found")
refused(lambda: client.embed(model=model, input="a"), 501, "for embeddings", "odysseus pull")
refused(lambda: client.generate(model=model, prompt="word " * 9000), 400, "context")
refused(lambda: client.generate(model=model, prompt="a", suffix="b"), 501, "not supported")
refused(lambda: client.create(model="new", from_=model), 501, "creates no models")
refused(lambda: client.delete(model), 501, "deletes no models")
refused(lambda: client.pull("llama3.2"), 404, "hf.co")
refused(lambda: ollama.Client(host=url, headers={"Authorization": "Bearer wrong"}).list(), 401, "key")
assert client.pull(model).status == "success"  # it is there

assert client.generate(model=model, keep_alive=0).done_reason == "unload"
until = time.monotonic() + 60
while client.ps().models:  # llama-server says that it will, and does it then
    assert time.monotonic() < until, "the model stays"
    time.sleep(0.05)
