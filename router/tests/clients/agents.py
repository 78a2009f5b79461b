"""A coding agent beside a router, run where no other machine can be reached.

It is started in a network of its own (`unshare`), and owns what is started there: the router in
demo mode, then the agent, whose output it passes on. The agents are programs of their own, which no
preloaded script keeps on this machine. Arguments: the agent, the role, the prompt, and files that
are shown to it. The key is in SFAI_API_KEY, as its users have it.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from cases import KEY
from processes import HERE, PATIENCE_SECONDS, PROGRAMS, TOP, Router

OPENCODE = HERE / "node_modules/opencode-linux-x64-baseline/bin/opencode"
AIDER = HERE / "aider/.venv/bin/aider"

# They are large, and start cold where other work is going on.
AGENT_SECONDS = 5 * PATIENCE_SECONDS

SIOCSIFFLAGS = 0x8914
IFF_UP = 0x1

CODEX = """\
model = "{role}"
model_provider = "sfai"

[model_providers.sfai]
name = "sfai"
base_url = "{url}/v1"
env_key = "SFAI_API_KEY"
wire_api = "responses"
"""


def loopback_up():
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))


@dataclass
class Asked:
    """What an agent is to do, and where."""

    url: str
    role: str
    prompt: str
    files: list
    home: Path


@dataclass
class Start:
    """How an agent is started."""

    command: list
    variables: dict
    input: str | None = None


def codex(asked):
    settings = asked.home / ".codex"
    settings.mkdir()
    settings.joinpath("config.toml").write_text(CODEX.format(role=asked.role, url=asked.url))
    script = HERE / "node_modules/@openai/codex/bin/codex.js"
    # Nothing that it could reach is worth guarding here, and its own sandbox cannot nest.
    options = ["--skip-git-repo-check", "--sandbox", "danger-full-access"]
    return Start(["node", script, "exec", *options, asked.prompt], {})


def claude(asked):
    program = HERE / "node_modules/@anthropic-ai/claude-code-linux-x64/claude"
    variables = {
        "ANTHROPIC_AUTH_TOKEN": os.environ["SFAI_API_KEY"],
        "ANTHROPIC_BASE_URL": asked.url,
        "ANTHROPIC_MODEL": asked.role,
        "ANTHROPIC_SMALL_FAST_MODEL": asked.role,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    return Start([program, "-p", asked.prompt, "--allowedTools", "Read"], variables)


def opencode(asked):
    Path("opencode.json").write_text(written("opencode", asked.url, "--role", asked.role))
    shown = [part for file in asked.files for part in ["--file", file]]
    # It puts quotes around what it finds among its arguments, and none around its input.
    return Start([OPENCODE, "run", *shown], {}, asked.prompt)


def aider(asked):
    files = {"aider": ".aider.conf.yml", "aider-models": ".aider.model.metadata.json"}
    for name, file in files.items():
        roles = ["--role", asked.role, "--small", "economy"]
        Path(file).write_text(written(name, asked.url, *roles))
    variables = {
        # As the file that is written says.
        "OPENAI_API_KEY": os.environ["SFAI_API_KEY"],
        "AIDER_ANALYTICS": "false",
        "AIDER_CHECK_UPDATE": "false",
        "AIDER_SHOW_RELEASE_NOTES": "false",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    for person in ["AUTHOR", "COMMITTER"]:
        variables |= {f"GIT_{person}_NAME": "Tests", f"GIT_{person}_EMAIL": "tests@localhost"}
    return Start([AIDER, "--yes-always", "--message", asked.prompt, *asked.files], variables)


def written(client, url, *options):
    """What `sfai-dsl client-config` writes for the committed routes."""
    command = [PROGRAMS / "sfai-dsl", "client-config", client, "--url", url, *options]
    return subprocess.run(command, cwd=TOP, check=True, capture_output=True, text=True).stdout


def environment(home):
    """All that an agent finds beside its own variables."""
    return {
        "HOME": str(home),
        # Some unpack libraries there and leave them.
        "TMPDIR": str(home),
        "PATH": os.environ["PATH"],
        "SFAI_API_KEY": os.environ.get("SFAI_API_KEY", KEY),
        # opencode's: it comes with the newest list of models that there was.
        "OPENCODE_DISABLE_AUTOUPDATE": "1",
        "OPENCODE_DISABLE_MODELS_FETCH": "1",
    }


def main(name, role, prompt, *files):
    loopback_up()
    home = Path.cwd().parent / "home"
    home.mkdir()
    with Router("--demo", "--map", TOP / "model_map.json", keys=f"tests:{KEY}") as router:
        agents = {"codex": codex, "claude": claude, "opencode": opencode, "aider": aider}
        start = agents[name](Asked(router.url, role, prompt, files, home))
        said = {"stdin": subprocess.DEVNULL} if start.input is None else {"input": start.input}
        ran = subprocess.run(
            start.command,
            env=environment(home) | start.variables,
            text=True,
            timeout=AGENT_SECONDS,
            **said,
        )
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
