"""What a program that uses LangChain does. Usage: with_langchain.py BASE_URL MODEL KEY [tool]"""
import sys

import openai
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI

base_url, model, key = sys.argv[1:4]
chat = ChatOpenAI(base_url=base_url, api_key=key, model=model, max_tokens=8, max_retries=0, timeout=120)
hello = [SystemMessage("Be brief."), HumanMessage("hello")]
words = " one two three four five six seven eight"  # what the model says, of ../gguf.py

if sys.argv[4:] == ["tool"]:
    def weather(city: str) -> str:
        """Tells the weather."""
        return "sunny in " + city

    chat = ChatOpenAI(base_url=base_url, api_key=key, model=model, max_retries=0, timeout=120).bind_tools([weather])
    pieces = list(chat.stream(hello))
    streamed = pieces[0]
    for piece in pieces[1:]:
        streamed += piece
    for answer in (streamed, chat.invoke(hello)):
        assert [(call["name"], call["args"]) for call in answer.tool_calls] == [("weather", {"city": "Rome"})], answer
    sys.exit(0)

pieces = list(chat.stream(hello))
assert "".join(piece.content for piece in pieces) == words and sum(bool(piece.content) for piece in pieces) == 8, pieces
assert any(piece.response_metadata.get("finish_reason") == "length" for piece in pieces), pieces

answer = chat.invoke(hello)
assert answer.content == words and answer.usage_metadata["output_tokens"] == 8, answer
assert answer.response_metadata["finish_reason"] == "length", answer

answers = chat.batch([hello, hello])  # two at a time
assert [answer.content for answer in answers] == [words, words], answers

stream = ChatOpenAI(base_url=base_url, api_key=key, model=model, max_retries=0, timeout=120,
                    extra_body={"ignore_eos": True}, max_tokens=4000).stream(hello)
assert next(stream) is not None
stream.close()  # hang up

try:
    ChatOpenAI(base_url=base_url, api_key=key, model=model + "x", max_retries=0, timeout=120).invoke(hello)
    raise AssertionError("an unknown model was taken")
except openai.NotFoundError as error:
    assert model in str(error), error
