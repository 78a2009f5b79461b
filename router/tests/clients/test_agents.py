"""codex and Claude Code without a terminal, through both protocols: an answer, and a loop in which
they read a file.

It owns what the agents print; how they are kept on this machine is in `alone` and `agents`.
"""

import unittest

from alone import Alone


class Agent(Alone):
    def test_codex_answers(self):
        self.assertIn(self.answering, self.says("codex", self.role, "Hello, codex"))

    def test_claude_code_answers(self):
        self.assertIn(self.answering, self.says("claude", self.role, "Hello, claude"))

    def test_codex_reads_a_file(self):
        self.reads_notes("codex", lambda _: ("exec_command", {"cmd": "cat notes.txt"}))

    def test_claude_code_reads_a_file(self):
        self.reads_notes("claude", lambda notes: ("Read", {"file_path": notes}))


class AgentOverOpenai(Agent, unittest.TestCase):
    protocol = "openai"


class AgentOverAnthropic(Agent, unittest.TestCase):
    protocol = "anthropic"
