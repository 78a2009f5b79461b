"""A coding agent beside a router, run where no other machine can be reached.

It is started in a network of its own (`unshare`), and owns what is started there: the router in
demo mode, then the agent, whose output it passes on. The agents are programs of their own, which no
preloaded script keeps on this machine. Arguments: `codex` or `claude`, the role, the prompt.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

from cases import KEY
from processes import HERE, PATIENCE_SECONDS, TOP, Router

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


def codex(url, role, prompt, home):
    settings = home / ".codex"
    settings.mkdir()
    settings.joinpath("config.toml").write_text(CODEX.format(role=role, url=url))
    script = HERE / "node_modules/@openai/codex/bin/codex.js"
    # Nothing that it could reach is worth guarding here, and its own sandbox cannot nest.
    options = ["--skip-git-repo-check", "--sandbox", "danger-full-access"]
    return ["node", script, "exec", *options, prompt], {"SFAI_API_KEY": KEY}


def claude(url, role, prompt, home):
    program = HERE / "node_modules/@anthropic-ai/claude-code-linux-x64/claude"
    environment = {
        "ANTHROPIC_AUTH_TOKEN": KEY,
        "ANTHROPIC_BASE_URL": url,
        "ANTHROPIC_MODEL": role,
        "ANTHROPIC_SMALL_FAST_MODEL": role,
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
    }
    return [program, "-p", prompt, "--allowedTools", "Read"], environment


def main(name, role, prompt):
    loopback_up()
    project = Path.cwd()
    home = project.parent / "home"
    home.mkdir()
    with Router("--demo", "--map", TOP / "model_map.json", keys=f"tests:{KEY}") as router:
        command, environment = {"codex": codex, "claude": claude}[name](router.url, role, prompt, home)
        environment |= {"HOME": str(home), "PATH": os.environ["PATH"]}
        ran = subprocess.run(
            command, env=environment, stdin=subprocess.DEVNULL, timeout=PATIENCE_SECONDS
        )
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
