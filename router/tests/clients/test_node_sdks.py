"""The SDKs of Anthropic, OpenAI and Vercel for Node, and the adapters that Continue calls models
by, against the router, through both protocols.

It owns which case meets which role; what each of them sees is in `node_sdks`.
"""

import json
import os
import struct
import subprocess
import tempfile
import threading
import unittest
from base64 import b64encode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cases import KEY, WithDemo, WithFaults
from processes import HERE, PATIENCE_SECONDS, Router, compiled


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

    def test_anthropic_structured(self):
        self.case("anthropic", "structured", self.role)

    def test_anthropic_forced(self):
        self.case("anthropic", "forced", self.role)

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

    def test_openai_chat_structured(self):
        self.case("openai", "chat_structured", self.role)

    def test_openai_chat_vision(self):
        self.case("openai", "chat_vision", self.role)

    def test_openai_response_structured(self):
        self.case("openai", "response_structured", self.role)

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

    def test_ai_whole(self):
        self.case("ai", "whole", self.role)

    def test_ai_stream(self):
        self.case("ai", "stream", self.role)

    def test_ai_tools(self):
        self.case("ai", "tools", self.role)

    def test_ai_structured(self):
        self.case("ai", "structured", self.role)

    def test_ai_vision(self):
        self.case("ai", "vision", self.role)

    def test_ai_errors(self):
        self.case("ai", "errors", self.role)

    def test_adapters_chat(self):
        self.case("adapters", "chat", self.role)

    def test_adapters_edit(self):
        self.case("adapters", "edit", self.role)

    def test_adapters_completion(self):
        self.case("adapters", "completion", self.role)

    def test_adapters_fim(self):
        self.case("adapters", "fim", self.role)

    def test_adapters_list(self):
        self.case("adapters", "list", self.role)


class WorkOverOpenai(Work, unittest.TestCase):
    protocol = "openai"


class WorkOverAnthropic(Work, unittest.TestCase):
    protocol = "anthropic"


class Trouble(Node, WithFaults):
    SCRIPTS = ("anthropic", "openai")

    def each(self, name, role, *more):
        for script in (*self.SCRIPTS, *more):
            with self.subTest(script):
                self.case(script, name, role)

    def test_an_overload_is_told_and_not_asked_for_again(self):
        before = len(self.upstream.calls(self.path("fail-529")))
        self.each("overloaded", self.lone("fail-529"))
        calls = self.upstream.calls(self.path("fail-529"))
        self.assertEqual(len(calls) - before, len(self.SCRIPTS))

    def test_a_fallback_is_unseen(self):
        self.each("rescued", self.rescued("fail-529"), "ai")

    def test_a_broken_stream_is_told(self):
        self.each("broken", self.lone("cut-after-first-token"), "ai")

    def test_a_cancel_ends_the_upstream_call(self):
        fault = "hang-after-first-token"
        self.case("anthropic", "cancelled", self.lone(fault))
        number = self.upstream.next_call(self.path(fault))
        self.assertEqual(self.upstream.end_of(number), "ClientLeft")


class Embeddings(Node, unittest.TestCase):
    """By the adapter, which asks for base64 and wants numbers."""

    @classmethod
    def setUpClass(cls):
        server = ThreadingHTTPServer(("127.0.0.1", 0), Vectors)
        cls.addClassCleanup(server.server_close)
        cls.addClassCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        folder = cls.enterClassContext(tempfile.TemporaryDirectory(prefix="sfai-clients-"))
        url = f"http://127.0.0.1:{server.server_port}/v1"
        map_file = compiled(folder, VECTORS.format(url=url))
        cls.router = cls.enterClassContext(Router("--map", map_file))

    def test_adapters_embeddings(self):
        self.case("adapters", "embeddings", "vectors")


VECTORS = """\
provider own {{
  protocol openai
  base_url "{url}"
}}

model small = own/small {{
  context 8_000
}}

role vectors {{
  route small
}}
"""


class Vectors(BaseHTTPRequestHandler):
    """A server of embeddings: of each text, its length."""

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        vectors = [[float(len(text)), 0.5] for text in asked["input"]]
        if asked.get("encoding_format") == "base64":
            vectors = [b64encode(struct.pack("<2f", *it)).decode() for it in vectors]
        data = [{"object": "embedding", "index": n, "embedding": it} for n, it in enumerate(vectors)]
        usage = {"prompt_tokens": 2, "total_tokens": 2}
        answer = {"object": "list", "model": asked["model"], "data": data, "usage": usage}
        body = json.dumps(answer).encode()
        self.send_response(200 if self.path == "/v1/embeddings" else 404)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class TroubleOverOpenai(Trouble, unittest.TestCase):
    protocol = "openai"


class TroubleOverAnthropic(Trouble, unittest.TestCase):
    protocol = "anthropic"
