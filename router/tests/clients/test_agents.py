"""codex and Claude Code without a terminal, through both protocols: an answer, and a loop in which
they read a file.

It owns what the agents print; how they are kept on this machine is in `alone` and `agents`.
"""

import json
import unittest

from alone import Alone


class Agent(Alone):
    def test_codex_answers(self):
        self.assertIn(self.answering, self.says("codex", self.role, "Hello, codex"))

    def test_claude_code_answers(self):
        self.assertIn(self.answering, self.says("claude", self.role, "Hello, claude"))

    def test_codex_reads_a_file(self):
        self.project.joinpath("notes.txt").write_text("The word is marzipan.\n")
        call = f"call exec_command {json.dumps({'cmd': 'cat notes.txt'})}"
        answer = self.says("codex", self.role, f"Look.\n{call}")
        # The answer quotes the result that reached the upstream.
        self.assertIn("The tools returned", answer)
        self.assertIn("The word is marzipan.", answer)

    def test_claude_code_reads_a_file(self):
        notes = self.project / "notes.txt"
        notes.write_text("The word is nougat.\n")
        call = f"call Read {json.dumps({'file_path': str(notes)})}"
        answer = self.says("claude", self.role, f"Look.\n{call}")
        self.assertIn("The tools returned", answer)
        self.assertIn("The word is nougat.", answer)


class AgentOverOpenai(Agent, unittest.TestCase):
    protocol = "openai"


class AgentOverAnthropic(Agent, unittest.TestCase):
    protocol = "anthropic"
