"""codex and Claude Code without a terminal, through both protocols: an answer, and a loop in which
they read a file.

It owns what the agents print; how they are kept on this machine is in `agents`.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from cases import WithDemo
from processes import HERE, MODELS, PATIENCE_SECONDS

ALONE = ["unshare", "--map-root-user", "--net"]


def missing():
    """Why the agents cannot be run here."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return "only Linux gives them a network of their own"
    if subprocess.run([*ALONE, "true"], capture_output=True).returncode != 0:
        return "this system gives no network of one's own"
    if not HERE.joinpath("node_modules/@anthropic-ai/claude-code-linux-x64").exists():
        return "the agents are not made for this processor"
    return None


MISSING = missing()


@unittest.skipIf(MISSING, MISSING)
class Agent:
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sfai-agents-")
        self.project = Path(self.enterContext(scratch)) / "project"
        self.project.mkdir()

    def says(self, name, prompt):
        role = WithDemo.ROLES[self.protocol]
        command = [*ALONE, sys.executable, HERE / "agents.py", name, role, prompt]
        ran = subprocess.run(
            command,
            cwd=self.project,
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_SECONDS,
        )
        self.assertEqual(ran.returncode, 0, ran)
        return ran.stdout

    def test_codex_answers(self):
        _, model = MODELS[self.protocol].split("/")
        self.assertIn(f"answering as {model}.", self.says("codex", "Hello, codex"))

    def test_claude_code_answers(self):
        _, model = MODELS[self.protocol].split("/")
        self.assertIn(f"answering as {model}.", self.says("claude", "Hello, claude"))

    def test_codex_reads_a_file(self):
        self.project.joinpath("notes.txt").write_text("The word is marzipan.\n")
        call = f"call exec_command {json.dumps({'cmd': 'cat notes.txt'})}"
        answer = self.says("codex", f"Look.\n{call}")
        # The answer quotes the result that reached the upstream.
        self.assertIn("The tools returned", answer)
        self.assertIn("The word is marzipan.", answer)

    def test_claude_code_reads_a_file(self):
        notes = self.project / "notes.txt"
        notes.write_text("The word is nougat.\n")
        answer = self.says("claude", f"Look.\ncall Read {json.dumps({'file_path': str(notes)})}")
        self.assertIn("The tools returned", answer)
        self.assertIn("The word is nougat.", answer)


class AgentOverOpenai(Agent, unittest.TestCase):
    protocol = "openai"


class AgentOverAnthropic(Agent, unittest.TestCase):
    protocol = "anthropic"
