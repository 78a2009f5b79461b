"""A coding agent in a network of its own, out of which nothing leads.

It owns the scratch folder and how `agents.py` is started there; what the agents say is the tests'.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from agents import AGENT_SECONDS
from cases import KEY, WithDemo
from processes import HERE, MODELS, PATIENCE_SECONDS

UNSHARED = ["unshare", "--map-root-user", "--net"]


def missing():
    """Why the agents cannot be run here."""
    if sys.platform != "linux" or shutil.which("unshare") is None:
        return "only Linux gives them a network of their own"
    if subprocess.run([*UNSHARED, "true"], capture_output=True).returncode != 0:
        return "this system gives no network of one's own"
    if not HERE.joinpath("node_modules/@anthropic-ai/claude-code-linux-x64").exists():
        return "the agents are not made for this processor"
    return None


MISSING = missing()


@unittest.skipIf(MISSING, MISSING)
class Alone:
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="sfai-agents-")
        self.project = Path(self.enterContext(scratch)) / "project"
        self.project.mkdir()

    @property
    def role(self):
        return WithDemo.ROLES[self.protocol]

    @property
    def answering(self):
        """What the demo says of the model that it stands for."""
        _, model = MODELS[self.protocol].split("/")
        return f"answering as {model}."

    def ran(self, name, role, prompt, *files, key=KEY):
        """What has become of an agent that was asked this once."""
        command = [*UNSHARED, sys.executable, HERE / "agents.py", name, role, prompt, *files]
        return subprocess.run(
            command,
            cwd=self.project,
            env=os.environ | {"SFAI_API_KEY": key},
            capture_output=True,
            text=True,
            timeout=AGENT_SECONDS + PATIENCE_SECONDS,
        )

    def says(self, *asked):
        """What an agent prints that found nothing wrong."""
        ran = self.ran(*asked)
        self.assertEqual(ran.returncode, 0, ran)
        return ran.stdout

    def reads_notes(self, name, calling):
        """What an agent answers that is to read a file with the tool and the arguments that
        `calling` gives for the file's path."""
        notes = self.project / "notes.txt"
        notes.write_text("The word is marzipan.\n")
        tool, arguments = calling(str(notes))
        answer = self.says(name, self.role, f"Look.\ncall {tool} {json.dumps(arguments)}")
        # The answer quotes the result that reached the upstream.
        self.assertIn("The tools returned", answer)
        self.assertIn("The word is marzipan.", answer)
        return answer
