"""Continue's `cn` without a terminal: what a developer's editor needs, through both protocols.

It owns what `cn` prints and does; it runs in a scratch folder, with a home of its own and no way
off this machine.
"""

import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

from cases import KEY, WithDemo, WithFaults
from processes import HERE, MODELS, OTHER, PATIENCE_SECONDS, PROGRAMS, TOP

MAP = TOP / "model_map.json"
CN = HERE / "node_modules/@continuedev/cli/dist/cn.js"

# As Continue's own reference has it, with what agent mode needs.
CONFIG = """\
name: sfai
version: 1.0.0
schema: v1
models:
  - name: Tested
    provider: openai
    model: {role}
    apiBase: {url}/v1
    apiKey: {key}
    roles: [chat, edit, apply]
    capabilities: [tool_use, image_input]
    defaultCompletionOptions: {{temperature: 0.3, maxTokens: 2048}}
"""


class Continue:
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sfai-continue-")
        self.home = Path(self.enterContext(scratch))
        self.project = self.home / "project"
        self.project.mkdir()

    def run_cn(self, role, prompt):
        config = self.project / "config.yaml"
        config.write_text(CONFIG.format(role=role, url=self.router.url, key=KEY))
        command = ["node", "--require", HERE / "loopback_only.cjs", CN]
        command += ["-p", prompt, "--config", config, "--format", "json"]
        home, path = str(self.home), os.environ["PATH"]
        return subprocess.run(
            command,
            cwd=self.project,
            env={"HOME": home, "CONTINUE_GLOBAL_DIR": f"{home}/continue", "PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )

    def answer(self, role, prompt):
        ran = self.run_cn(role, prompt)
        self.assertEqual(ran.returncode, 0, ran)
        said = json.loads(ran.stdout)
        self.assertEqual(said["status"], "success", ran)
        return said["response"]


class Work(Continue, WithDemo):
    def test_chat(self):
        answer = self.answer(self.role, "Hello, editor")
        _, model = self.model.split("/")
        self.assertIn(f"answering as {model}.", answer)
        self.assertIn("You said: “Hello, editor”", answer)

    def test_the_agent_reads_two_files(self):
        names = ["notes.txt", "more notes.txt"]
        words = ["marzipan", "nougat"]
        for name, word in zip(names, words):
            self.project.joinpath(name).write_text(f"The word is {word}.\n")
        calls = [f"call Read {json.dumps({'filepath': name})}" for name in names]
        answer = self.answer(self.role, "\n".join(["Look into both.", *calls]))
        # The answer quotes the tool results that reached the upstream.
        self.assertIn("The tools returned", answer)
        for word in words:
            self.assertIn(f"The word is {word}.", answer)


class Refusals(Continue, WithDemo, unittest.TestCase):
    def test_an_unknown_role_is_told(self):
        ran = self.run_cn("backend_developr", "Hello")
        self.assertEqual(ran.returncode, 1, ran)
        message = json.loads(ran.stderr)["message"]
        self.assertTrue(message.startswith("404 "), message)
        self.assertIn("backend_developer", message)


class Written(Continue, WithDemo, unittest.TestCase):
    """What `sfai-dsl client-config continue` writes for the committed routes."""

    def written(self):
        command = [PROGRAMS / "sfai-dsl", "client-config", "continue", "--url", self.router.url]
        ran = subprocess.run(command, cwd=TOP, capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran)
        config = self.project / "config.yaml"
        config.write_text(ran.stdout)
        return config

    def test_it_is_valid_and_no_key_is_left_out(self):
        reference = TOP / "docs/continue-config-reference.yaml"
        for config in [self.written(), reference]:
            command = ["node", "--require", HERE / "loopback_only.cjs"]
            command += [HERE / "node_sdks/continue_config.mjs", config]
            ran = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_SECONDS)
            self.assertEqual(ran.returncode, 0, ran)
            names = json.loads(ran.stdout)
            self.assertEqual(names, sorted(json.loads(MAP.read_text())["roles"]))

    def test_continue_starts_with_it(self):
        command = ["node", "--require", HERE / "loopback_only.cjs", CN]
        command += ["-p", "Hello, config", "--config", self.written(), "--format", "json"]
        home, path = str(self.home), os.environ["PATH"]
        environment = {"HOME": home, "CONTINUE_GLOBAL_DIR": f"{home}/continue", "PATH": path}
        ran = subprocess.run(
            command,
            cwd=self.project,
            env=environment | {"SFAI_API_KEY": KEY},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
        )
        self.assertEqual(ran.returncode, 0, ran)
        self.assertIn("You said: “Hello, config”", json.loads(ran.stdout)["response"])


class WorkOverOpenai(Work, unittest.TestCase):
    protocol = "openai"


class WorkOverAnthropic(Work, unittest.TestCase):
    protocol = "anthropic"


class Trouble(Continue, WithFaults):
    def test_a_fallback_is_unseen(self):
        answer = self.answer(self.rescued("fail-529"), "Hello, editor")
        _, other = MODELS[OTHER[self.protocol]].split("/")
        self.assertIn(f"answering as {other}.", answer)
        self.assertEqual(answer.count("You said: “Hello, editor”"), 1)
        self.assertEqual(len(self.upstream.calls(self.path("fail-529"))), 1)

    def test_a_broken_stream_is_asked_for_again(self):
        fault = "cut-after-first-token-once"
        answer = self.answer(self.lone(fault), "Hello, editor")
        # It would keep what it has, had that looked complete.
        self.assertEqual(answer.count("This is sfai's demo upstream"), 1, answer)
        self.assertIn("You said: “Hello, editor”", answer)
        self.assertEqual(len(self.upstream.calls(self.path(fault))), 2)


class TroubleOverOpenai(Trouble, unittest.TestCase):
    protocol = "openai"


class TroubleOverAnthropic(Trouble, unittest.TestCase):
    protocol = "anthropic"
