"""What a program that uses LangChain does. Usage: with_langchain.py BASE_URL MODEL KEY"""
import sys

from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI

base_url, model, key = sys.argv[1:4]
chat = ChatOpenAI(base_url=base_url, api_key=key, model=model, max_tokens=8, max_retries=0, timeout=120)
hello = [SystemMessage("Be brief."), HumanMessage("hello")]

answer = chat.invoke(hello)
assert answer.usage_metadata["output_tokens"] > 0 and answer.response_metadata["finish_reason"], answer

pieces = list(chat.stream(hello))
assert len(pieces) > 1 and any(piece.response_metadata.get("finish_reason") for piece in pieces), pieces

answers = chat.batch([hello, hello])  # two at a time
assert len(answers) == 2 and all(answer.usage_metadata["output_tokens"] > 0 for answer in answers), answers
