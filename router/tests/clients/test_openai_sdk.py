"""The OpenAI SDK for Python against the router: what its users see, through both protocols.

It owns what the SDK returns and raises, and how often it calls; the rest of an answer's bytes is
held by the router's own tests.
"""

import asyncio
import json
import unittest

import openai
import pydantic

from cases import KEY, WithDemo, WithFaults
from processes import MODELS, OTHER

USAGE = {"include_usage": True}


def sdk(router, kind=openai.OpenAI, **options):
    return kind(base_url=f"{router.url}/v1", **({"api_key": KEY} | options))


def user(text):
    return {"role": "user", "content": text}


def tool(name, **properties):
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    schema["additionalProperties"] = False
    function = {"name": name, "description": f"{name}.", "parameters": schema, "strict": True}
    return {"type": "function", "function": function}


TOOLS = [tool("read_file", path={"type": "string"}), tool("list_files")]
TWO_CALLS = user('Look.\ncall read_file {"path": "Größe \\"1\\".txt"}\ncall list_files')
ARGUMENTS = [{"path": 'Größe "1".txt'}, {}]


class Person(pydantic.BaseModel):
    name: str
    age: int


class Chat(WithDemo):
    def setUp(self):
        self.chat = sdk(self.router).chat.completions

    def test_a_structured_answer(self):
        asked = {"model": self.role, "messages": [user("Ada")], "response_format": Person}
        answer = self.chat.parse(**asked)
        self.assertEqual(answer.choices[0].message.parsed.name, "Ada")
        with self.chat.stream(**asked) as stream:
            parsed = stream.get_final_completion().choices[0].message.parsed
        self.assertEqual(parsed, answer.choices[0].message.parsed)

    def test_a_tool_that_is_to_be_called(self):
        choice = {"type": "function", "function": {"name": "read_file"}}
        messages = [user("a.txt")]
        answer = self.chat.create(model=self.role, messages=messages, tools=TOOLS, tool_choice=choice)
        [call] = answer.choices[0].message.tool_calls
        self.assertEqual(json.loads(call.function.arguments), {"path": "a.txt"})

    def test_a_picture(self):
        url = {"url": "data:image/png;base64,iVBORw0KGgo="}
        content = [{"type": "text", "text": "See?"}, {"type": "image_url", "image_url": url}]
        answer = self.chat.create(model=self.role, messages=[user(content)])
        self.assertIn("See?", answer.choices[0].message.content)

    def test_a_whole_answer(self):
        answer = self.chat.create(model=self.role, messages=[user("Hello, router")])
        [choice] = answer.choices
        self.assertIn("You said: “Hello, router”", choice.message.content)
        self.assertEqual(choice.finish_reason, "stop")
        self.assertEqual(answer.object, "chat.completion")
        self.assertGreater(answer.usage.prompt_tokens, 0)
        self.assertGreater(answer.usage.completion_tokens, 0)

    def test_the_headers_say_who_answered(self):
        raw = self.chat.with_raw_response.create(model=self.role, messages=[user("Hello")])
        self.assertEqual(raw.headers["x-sfai-model"], self.model)
        self.assertEqual(raw.headers["x-sfai-attempts"], f"{self.model}=ok")
        self.assertEqual(raw.parse()._request_id, raw.headers["x-request-id"])

    def test_a_stream_with_usage(self):
        messages = [{"role": "system", "content": "Be brief."}, user("Hello, stream")]
        stream = self.chat.create(
            model=self.role, messages=messages, stream=True, stream_options=USAGE
        )
        *chunks, last = list(stream)
        texts = [chunk.choices[0].delta.content or "" for chunk in chunks]
        self.assertIn("You said: “Hello, stream”", "".join(texts))
        self.assertGreater(len([text for text in texts if text]), 5)
        self.assertEqual(chunks[0].choices[0].delta.role, "assistant")
        ends = [chunk.choices[0].finish_reason for chunk in chunks]
        self.assertEqual([end for end in ends if end], ["stop"])
        self.assertEqual(last.choices, [])
        self.assertGreater(last.usage.completion_tokens, 5)
        self.assertEqual({chunk.id for chunk in chunks}, {last.id})

    def test_the_limit_ends_a_stream(self):
        stream = self.chat.create(
            model=self.role, messages=[user("Hello")], max_tokens=3, stream=True
        )
        ends = [choice.finish_reason for chunk in stream for choice in chunk.choices]
        self.assertEqual([end for end in ends if end], ["length"])

    def test_parallel_tools_and_back(self):
        asked = {"model": self.role, "messages": [TWO_CALLS], "tools": TOOLS}
        self.check_calls_and_results(self.chat.create(**asked))

    def test_parallel_tools_in_a_stream_and_back(self):
        asked = {"model": self.role, "messages": [TWO_CALLS], "tools": TOOLS}
        with self.chat.stream(**asked, stream_options=USAGE) as stream:
            events = [event.type for event in stream]
            self.check_calls_and_results(stream.get_final_completion())
        self.assertEqual(events.count("tool_calls.function.arguments.done"), 2)

    def check_calls_and_results(self, answer):
        [choice] = answer.choices
        self.assertEqual(choice.finish_reason, "tool_calls")
        self.assertGreater(answer.usage.completion_tokens, 0)
        calls = choice.message.tool_calls
        self.assertEqual([call.function.name for call in calls], ["read_file", "list_files"])
        self.assertEqual([json.loads(call.function.arguments) for call in calls], ARGUMENTS)
        results = [
            {"role": "tool", "tool_call_id": call.id, "content": f"result {number}"}
            for number, call in enumerate(calls)
        ]
        messages = [TWO_CALLS, choice.message.model_dump(exclude_none=True), *results]
        last = self.chat.create(model=self.role, messages=messages, tools=TOOLS)
        self.assertIn("returned: “result 0”, “result 1”", last.choices[0].message.content)

    def test_twenty_streams_at_once(self):
        async def ask(client, number):
            stream = await client.chat.completions.create(
                model=self.role, messages=[user(f"Number {number}.")], stream=True
            )
            texts = [chunk.choices[0].delta.content or "" async for chunk in stream]
            return "".join(texts)

        async def ask_all():
            async with sdk(self.router, openai.AsyncOpenAI) as client:
                return await asyncio.gather(*(ask(client, number) for number in range(20)))

        for number, text in enumerate(asyncio.run(ask_all())):
            self.assertIn(f"“Number {number}.”", text)


class ChatOverOpenai(Chat, unittest.TestCase):
    protocol = "openai"


class ChatOverAnthropic(Chat, unittest.TestCase):
    protocol = "anthropic"


class Refusals(WithDemo, unittest.TestCase):
    def test_the_roles_are_its_models(self):
        models = sdk(self.router).models.list()
        committed = json.loads(self.map_file.read_text())
        self.assertEqual({model.id for model in models}, set(committed["roles"]))
        self.assertEqual({model.object for model in models}, {"model"})

    def test_an_unknown_role(self):
        with self.assertRaises(openai.NotFoundError) as caught:
            sdk(self.router).chat.completions.create(model="backend", messages=[user("Hello")])
        self.assertEqual(caught.exception.code, "model_not_found")
        self.assertIn("backend_developer", caught.exception.message)
        self.assertTrue(caught.exception.request_id)

    def test_a_wrong_key(self):
        client = sdk(self.router, api_key="another")
        for call in (client.models.list, lambda: client.chat.completions.create(
            model="backend_developer", messages=[user("Hello")], stream=True
        )):
            with self.assertRaises(openai.AuthenticationError) as caught:
                call()
            self.assertEqual(caught.exception.code, "invalid_api_key")

    def test_a_request_that_makes_no_sense(self):
        with self.assertRaises(openai.BadRequestError) as caught:
            sdk(self.router).chat.completions.create(model="backend_developer", messages="Hello")
        self.assertEqual(caught.exception.type, "invalid_request_error")
        self.assertEqual(caught.exception.param, "messages")


class Failures(WithFaults):
    def setUp(self):
        self.client = sdk(self.router)

    def ask(self, role, client=None, **options):
        chat = (client or self.client).chat.completions
        return chat.create(model=role, messages=[user("Hello")], **options)

    def check_calls(self, fault, count):
        self.assertEqual(len(self.upstream.calls(self.path(fault))), count, fault)

    def test_all_failed_is_final_for_the_sdk(self):
        for stream in (False, True):
            with self.subTest(stream=stream), self.assertRaises(openai.RateLimitError) as caught:
                before = len(self.upstream.calls(self.path("limit-7")))
                self.ask(self.lone("limit-7"), stream=stream)
            error, headers = caught.exception, caught.exception.response.headers
            self.assertEqual((error.code, error.type), ("rate_limit_exceeded", "rate_limit_error"))
            self.assertEqual(headers["x-should-retry"], "false")
            self.assertEqual(headers["retry-after"], "7")
            self.check_calls("limit-7", before + 1)

    def test_overload_of_all_is_a_server_error(self):
        with self.assertRaises(openai.InternalServerError) as caught:
            self.ask(self.lone("fail-529"))
        self.assertEqual((caught.exception.status_code, caught.exception.code), (503, "overloaded"))

    def test_a_fallback_is_unseen(self):
        other = MODELS[OTHER[self.protocol]]
        for fault, why in [("fail-529", "overloaded"), ("limit-7", "rate_limit")]:
            raw = self.client.chat.completions.with_raw_response.create(
                model=self.rescued(fault), messages=[user("Hello")]
            )
            self.assertEqual(raw.headers["x-sfai-model"], other)
            attempts = raw.headers["x-sfai-attempts"].split(", ")
            failed = MODELS[self.protocol].replace(self.protocol, self.lone(fault), 1)
            self.assertEqual(attempts, [f"{failed}={why}", f"{other}=ok"])
            self.assertEqual(raw.parse().choices[0].finish_reason, "stop")

    def test_a_fallback_is_unseen_in_a_stream(self):
        for fault in ("fail-529", "cut-before-first-token"):
            stream = self.ask(self.rescued(fault), stream=True, stream_options=USAGE)
            *chunks, last = list(stream)
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            self.assertEqual(text.count("You said: “Hello”"), 1)
            self.assertEqual(chunks[-1].choices[0].finish_reason, "stop")
            self.assertGreater(last.usage.completion_tokens, 0)

    def test_a_stream_that_breaks_raises_and_never_looks_complete(self):
        for fault in (
            "cut-after-first-token",
            "error-event-after-first-token",
            "missing-both",
            "reset-after-first-token",
        ):
            with self.subTest(fault):
                self.check_broken_stream(fault)

    def check_broken_stream(self, fault):
        chunks, before = [], len(self.upstream.calls(self.path(fault)))
        with self.assertRaises(openai.APIError) as caught:
            # Another link is left, but what the client has seen is not taken back.
            for chunk in self.ask(self.rescued(fault), stream=True):
                chunks.append(chunk)
        self.assertIs(type(caught.exception), openai.APIError, "the router's words, not a cut")
        self.assertTrue(any(has_text(chunk) for chunk in chunks))
        self.assertEqual([chunk.choices[0].finish_reason for chunk in chunks], [None] * len(chunks))
        self.check_calls(fault, before + 1)

    def test_a_whole_answer_that_breaks_is_rescued_or_an_error(self):
        answer = self.ask(self.rescued("cut-after-first-token"))
        self.assertEqual(answer.choices[0].finish_reason, "stop")
        with self.assertRaises(openai.InternalServerError) as caught:
            self.ask(self.lone("cut-after-first-token"))
        self.assertEqual(caught.exception.status_code, 502)

    def test_leaving_a_stream_ends_the_upstream_request(self):
        fault = "hang-after-first-token"
        stream = self.ask(self.lone(fault), stream=True)
        text = next(chunk.choices[0].delta.content for chunk in stream if has_text(chunk))
        self.assertEqual(text, "This ")
        stream.close()
        number = self.upstream.next_call(self.path(fault))
        self.assertEqual(self.upstream.end_of(number), "ClientLeft")

    def test_giving_up_before_the_first_token_ends_the_upstream_request(self):
        fault = "hang-before-headers"

        async def ask_and_leave():
            async with sdk(self.router, openai.AsyncOpenAI) as client:
                asked = asyncio.create_task(self.ask(self.rescued(fault), client, stream=True))
                number = await asyncio.to_thread(self.upstream.next_call, self.path(fault))
                asked.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await asked
                return number

        number = asyncio.run(ask_and_leave())
        self.assertEqual(self.upstream.end_of(number), "ClientLeft")
        self.check_calls(fault, 1)


def has_text(chunk):
    return bool(chunk.choices and chunk.choices[0].delta.content)


class FailuresOverOpenai(Failures, unittest.TestCase):
    protocol = "openai"

    def test_without_the_router_the_sdk_would_try_again(self):
        """What the router's `x-should-retry: false` is held against."""
        client = openai.OpenAI(base_url=f"{self.upstream.url}/fail-529/openai", api_key=KEY)
        before = len(self.upstream.calls(self.path("fail-529")))
        with self.assertRaises(openai.InternalServerError):
            self.ask("m", client)
        self.check_calls("fail-529", before + 3)


class FailuresOverAnthropic(Failures, unittest.TestCase):
    protocol = "anthropic"
