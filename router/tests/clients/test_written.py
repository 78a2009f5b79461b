"""opencode and aider with the files that `sfai-dsl client-config` writes for the committed routes,
and nothing else set but the key.

It owns what these programs make of the files; how they are started is in `agents`.
"""

import base64
import json
import subprocess
import unittest

from agents import AGENT_SECONDS, AIDER, OPENCODE, environment, written
from alone import Alone
from processes import TOP

# One red pixel.
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
)

# The committed role that sends a conversation with a picture to another model.
SEES = "backend_developer"
SEES_WITH = "answering as gpt-5.4."

EDIT = "hello.py\n<<<<<<< SEARCH\nprint('old')\n=======\nprint('new')\n>>>>>>> REPLACE\n"
NO_AIDER = None if AIDER.exists() else "aider is not installed"


class Pictured(Alone):
    def picture(self):
        picture = self.project / "pixel.png"
        picture.write_bytes(PICTURE)
        return picture


class Opencode(Alone):
    def test_it_reads_a_file(self):
        answer = self.reads_notes("opencode", lambda notes: ("read", {"filePath": notes}))
        self.assertIn(self.answering, answer)


class OpencodeOverOpenai(Opencode, unittest.TestCase):
    protocol = "openai"


class OpencodeOverAnthropic(Opencode, unittest.TestCase):
    protocol = "anthropic"


class OpencodeSettings(Pictured, unittest.TestCase):
    protocol = "anthropic"

    def test_pictures_are_sent(self):
        self.assertIn(SEES_WITH, self.says("opencode", SEES, "What is it?", self.picture()))

    def test_a_wrong_key_is_told(self):
        ran = self.ran("opencode", self.role, "Hello", key="wrong")
        self.assertEqual(ran.returncode, 1, ran)
        self.assertIn("Incorrect API key provided", ran.stderr)

    def test_no_key_is_left_out(self):
        """It leaves out what it does not know without a word, so what it read is held against what
        was written."""
        small = ["--small", "economy"]
        committed = written("opencode", "http://127.0.0.1:8080", *small)
        golden = TOP.joinpath("dsl/tests/clients/opencode.json").read_text()
        for text in [committed, golden]:
            self.project.joinpath("opencode.json").write_text(text)
            shown = subprocess.run(
                [OPENCODE, "debug", "config"],
                cwd=self.project,
                env=environment(self.project.parent),
                capture_output=True,
                text=True,
                timeout=AGENT_SECONDS,
            )
            self.assertEqual(shown.returncode, 0, shown)
            read, wanted = json.loads(shown.stdout), json.loads(text)
            # It found the key's variable, of which it shows nothing.
            self.assertEqual(read["provider"]["sfai"]["options"].pop("apiKey"), "***")
            del wanted["provider"]["sfai"]["options"]["apiKey"]
            self.assertEqual(read, read | wanted)


@unittest.skipIf(NO_AIDER, NO_AIDER)
class Aider(Alone):
    def git(self, *arguments):
        command = ["git", *arguments]
        ran = subprocess.run(command, cwd=self.project, capture_output=True, text=True)
        self.assertEqual(ran.returncode, 0, ran)
        return ran.stdout

    def test_it_edits_a_file_and_has_the_small_role_describe_the_change(self):
        self.git("init", "--quiet")
        hello = self.project / "hello.py"
        hello.write_text("print('old')\n")
        said = self.says("aider", self.role, f"Edit it.\nsay {json.dumps(EDIT)}", hello)
        self.assertEqual(hello.read_text(), "print('new')\n", said)
        self.assertIn(f"Main model: openai/{self.role} with diff edit format", said)
        # As much as a window of this size has room for; a model that it does not know gets less.
        self.assertIn("Repo-map: using 4096 tokens", said)
        # It commits what it finds, too.
        subjects = self.git("log", "--format=%s")
        self.assertIn("answering as claude-haiku-4-5.", subjects)
        self.assertEqual(self.git("show", "HEAD~:hello.py"), "print('old')\n", subjects)
        self.assertNotRegex(said, "Warning: openai|Unknown|Max retries exceeded")


class AiderOverOpenai(Aider, unittest.TestCase):
    protocol = "openai"


class AiderOverAnthropic(Aider, unittest.TestCase):
    protocol = "anthropic"


@unittest.skipIf(NO_AIDER, NO_AIDER)
class AiderSettings(Pictured, unittest.TestCase):
    protocol = "anthropic"

    def test_pictures_are_sent(self):
        # Its lines end where a terminal of 80 characters would have them end.
        said = self.says("aider", SEES, "What is it?", self.picture())
        self.assertIn(SEES_WITH, " ".join(said.split()))

    def test_a_wrong_key_is_told_as_one(self):
        ran = self.ran("aider", self.role, "Hello", key="wrong")
        self.assertIn("litellm.AuthenticationError", ran.stdout)
        self.assertIn("Check your API key", ran.stdout)
