"""LangChain's OpenAI client against the router, through both protocols.

It owns what LangChain's users see: messages, chunks, calls of tools, structured answers, vectors.
"""

import os
import unittest

os.environ["LANGSMITH_TRACING"] = "false"

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from openai import AuthenticationError, NotFoundError
from pydantic import BaseModel

from cases import KEY, WithDemo, WithFaults
from processes import MODELS, OTHER


class Person(BaseModel):
    """Somebody."""

    name: str
    age: int


@tool
def read_file(path: str) -> str:
    """Reads a file."""
    return f"the text of {path}"


@tool
def list_files() -> str:
    """Lists the files."""
    return "a, b"


TOOLS = {"read_file": read_file, "list_files": list_files}
TWO_CALLS = 'Look.\ncall read_file {"path": "Größe \\"1\\".txt"}\ncall list_files'


def chat(router, role, **options):
    options = {"api_key": KEY, "max_retries": 0, "stream_usage": True} | options
    return ChatOpenAI(base_url=f"{router.url}/v1", model=role, **options)


class Work(WithDemo):
    def test_a_whole_answer(self):
        answer = chat(self.router, self.role).invoke("Hello, router")
        self.assertIn("You said: “Hello, router”", answer.content)
        self.assertEqual(answer.response_metadata["finish_reason"], "stop")
        self.assertGreater(answer.usage_metadata["input_tokens"], 0)

    def test_a_stream(self):
        chunks = list(chat(self.router, self.role).stream("Hello, stream"))
        self.assertGreater(len(chunks), 5)
        whole = chunks[0]
        for chunk in chunks[1:]:
            whole += chunk
        self.assertIn("You said: “Hello, stream”", whole.content)
        self.assertGreater(whole.usage_metadata["output_tokens"], 5)

    def test_tools_are_called_and_answered(self):
        model = chat(self.router, self.role).bind_tools(list(TOOLS.values()))
        messages = [HumanMessage(TWO_CALLS)]
        messages.append(model.invoke(messages))
        calls = messages[-1].tool_calls
        self.assertEqual([call["name"] for call in calls], list(TOOLS))
        self.assertEqual(calls[0]["args"], {"path": 'Größe "1".txt'})
        for call in calls:
            result = TOOLS[call["name"]].invoke(call["args"])
            messages.append(ToolMessage(result, tool_call_id=call["id"]))
        answer = model.invoke(messages).content
        self.assertIn("the text of Größe", answer)
        self.assertIn("a, b", answer)

    def test_a_structured_answer(self):
        for method in ("json_schema", "function_calling"):
            model = chat(self.router, self.role).with_structured_output(Person, method=method)
            self.assertEqual(model.invoke("Ada"), Person(name="Ada", age=1), method)

    def test_a_picture(self):
        url = {"url": "data:image/png;base64,iVBORw0KGgo="}
        content = [{"type": "text", "text": "See?"}, {"type": "image_url", "image_url": url}]
        answer = chat(self.router, self.role).invoke([HumanMessage(content)])
        self.assertIn("See?", answer.content)

    def test_refusals(self):
        with self.assertRaises(NotFoundError):
            chat(self.router, "nobody").invoke("Hello")
        with self.assertRaises(AuthenticationError):
            chat(self.router, self.role, api_key="another key").invoke("Hello")


class WorkOverOpenai(Work, unittest.TestCase):
    protocol = "openai"


class WorkOverAnthropic(Work, unittest.TestCase):
    protocol = "anthropic"


class Trouble(WithFaults):
    def test_a_fallback_is_unseen(self):
        answer = chat(self.router, self.rescued("fail-529")).invoke("Hello, rescue")
        _, other = MODELS[OTHER[self.protocol]].split("/")
        self.assertIn(f"answering as {other}.", answer.content)

    def test_a_broken_stream_is_told(self):
        stream = chat(self.router, self.lone("cut-after-first-token")).stream("Hello")
        with self.assertRaises(Exception) as caught:
            list(stream)
        self.assertIn("incomplete", str(caught.exception))


class TroubleOverOpenai(Trouble, unittest.TestCase):
    protocol = "openai"


class TroubleOverAnthropic(Trouble, unittest.TestCase):
    protocol = "anthropic"
