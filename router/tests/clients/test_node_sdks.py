"""The SDKs of Anthropic and OpenAI for Node against the router, through both protocols.

It owns which case meets which role; what each of them sees is in `node_sdks`.
"""

import os
import subprocess
import unittest

from cases import KEY, WithDemo, WithFaults
from processes import HERE, PATIENCE_SECONDS


class Node:
    """Runs a case of a script."""

    def case(self, script, name, role):
        environment = {
            "PATH": os.environ["PATH"],
            "SFAI_KEY": KEY,
            "SFAI_MODEL": getattr(self, "model", ""),
            "SFAI_ROLE": role,
            "SFAI_URL": self.router.url,
        }
        command = ["node", "--require", HERE / "loopback_only.cjs"]
        ran = subprocess.run(
            [*command, HERE / "node_sdks" / f"{script}.mjs", name],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        self.assertEqual(ran.returncode, 0, f"{name}: {ran.stderr}")
        self.assertIn(f"passed {name}", ran.stdout)


class Work(Node, WithDemo):
    def test_anthropic_whole(self):
        self.case("anthropic", "whole", self.role)

    def test_anthropic_stream(self):
        self.case("anthropic", "stream", self.role)

    def test_anthropic_limit(self):
        self.case("anthropic", "limit", self.role)

    def test_anthropic_tools(self):
        self.case("anthropic", "tools", self.role)

    def test_anthropic_streamed_tools(self):
        self.case("anthropic", "streamed_tools", self.role)

    def test_anthropic_vision(self):
        self.case("anthropic", "vision", self.role)

    def test_anthropic_count(self):
        self.case("anthropic", "count", self.role)

    def test_anthropic_models(self):
        self.case("anthropic", "models", self.role)

    def test_anthropic_errors(self):
        self.case("anthropic", "errors", self.role)

    def test_openai_chat(self):
        self.case("openai", "chat", self.role)

    def test_openai_chat_stream(self):
        self.case("openai", "chat_stream", self.role)

    def test_openai_chat_tools(self):
        self.case("openai", "chat_tools", self.role)

    def test_openai_response(self):
        self.case("openai", "response", self.role)

    def test_openai_response_stream(self):
        self.case("openai", "response_stream", self.role)

    def test_openai_response_limit(self):
        self.case("openai", "response_limit", self.role)

    def test_openai_response_tools(self):
        self.case("openai", "response_tools", self.role)

    def test_openai_response_streamed_tools(self):
        self.case("openai", "response_streamed_tools", self.role)

    def test_openai_completion(self):
        self.case("openai", "completion", self.role)

    def test_openai_models(self):
        self.case("openai", "models", self.role)

    def test_openai_errors(self):
        self.case("openai", "errors", self.role)


class WorkOverOpenai(Work, unittest.TestCase):
    protocol = "openai"


class WorkOverAnthropic(Work, unittest.TestCase):
    protocol = "anthropic"


class Trouble(Node, WithFaults):
    SCRIPTS = ("anthropic", "openai")

    def each(self, name, role):
        for script in self.SCRIPTS:
            with self.subTest(script):
                self.case(script, name, role)

    def test_an_overload_is_told_and_not_asked_for_again(self):
        before = len(self.upstream.calls(self.path("fail-529")))
        self.each("overloaded", self.lone("fail-529"))
        calls = self.upstream.calls(self.path("fail-529"))
        self.assertEqual(len(calls) - before, len(self.SCRIPTS))

    def test_a_fallback_is_unseen(self):
        self.each("rescued", self.rescued("fail-529"))

    def test_a_broken_stream_is_told(self):
        self.each("broken", self.lone("cut-after-first-token"))

    def test_a_cancel_ends_the_upstream_call(self):
        fault = "hang-after-first-token"
        self.case("anthropic", "cancelled", self.lone(fault))
        number = self.upstream.next_call(self.path(fault))
        self.assertEqual(self.upstream.end_of(number), "ClientLeft")


class TroubleOverOpenai(Trouble, unittest.TestCase):
    protocol = "openai"


class TroubleOverAnthropic(Trouble, unittest.TestCase):
    protocol = "anthropic"
