"""The real programs as processes: started, read line by line, and ended with their tests.

It owns the router, the fault-injecting upstream, and the map that leads from one to the other; no
client is known here. `cargo xtask test --only clients` builds the programs and names their folder
in SFAI_PROGRAMS.
"""

import json
import os
import queue
import subprocess
import threading
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
TOP = HERE.parents[2]
PROGRAMS = Path(os.environ.get("SFAI_PROGRAMS", TOP / "target/debug"))

# Nothing here takes that long; it turns a line that never comes into a message.
PATIENCE_SECONDS = 60

# The model that stands behind each protocol.
MODELS = {"openai": "openai/gpt-5.4", "anthropic": "anthropic/claude-sonnet-4-6"}
OTHER = {"openai": "anthropic", "anthropic": "openai"}

# What can go wrong, in the words of router/tests/support/faults/named.rs.
FAULTS = [
    "cut-after-first-token",
    "cut-after-first-token-once",
    "cut-before-first-token",
    "error-event-after-first-token",
    "fail-529",
    "hang-after-first-token",
    "hang-before-headers",
    "limit-7",
    "missing-both",
    "reset-after-first-token",
]


class Process:
    """A program whose lines on one of its outputs are read as they come."""

    def __init__(self, program, arguments, output, **options):
        options |= {output: subprocess.PIPE, "text": True}
        self._child = subprocess.Popen([PROGRAMS / program, *arguments], **options)
        self._name = program
        self._lines = queue.Queue()
        self._output = getattr(self._child, output)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._child.kill()
        self._child.wait()
        self._reader.join()
        for pipe in (self._output, self._child.stdin):
            if pipe is not None:
                pipe.close()

    def line(self):
        """The next line that it says."""
        try:
            line = self._lines.get(timeout=PATIENCE_SECONDS)
        except queue.Empty:
            raise AssertionError(f"{self._name} said nothing more") from None
        if line is None:
            raise AssertionError(f"{self._name} ended with {self._child.wait()}")
        return line

    def _read(self):
        for line in self._output:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)


class Router(Process):
    """`sfai-router` on a free port, listening when it is made."""

    def __init__(self, *arguments, keys=""):
        environment = os.environ | {"SFAI_CLIENT_KEYS": keys}
        arguments = ["--listen", "127.0.0.1:0", *arguments]
        super().__init__("sfai-router", arguments, "stderr", env=environment, cwd=TOP)
        said, listening = [], "sfai-router listening on "
        try:
            while not (line := self.line()).startswith(listening):
                said.append(line)
        except AssertionError as error:
            self.__exit__()
            raise AssertionError("\n".join([str(error), *said])) from None
        self.url = line.removeprefix(listening)


class Upstream(Process):
    """The fault-injecting upstream, and what has happened to each request that reached it."""

    def __init__(self):
        super().__init__("examples/fault_upstream", [], "stdout", stdin=subprocess.PIPE)
        self.url = json.loads(self.line())["listening"]
        self._exchanges = {}
        self._marks = 0

    def calls(self, path):
        """The numbers of the requests so far whose path has this part."""
        self._marks += 1
        mark = f"/mark-{self._marks}/openai/chat/completions"
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "Mark"}]})
        urllib.request.urlopen(self.url + mark, body.encode(), PATIENCE_SECONDS).read()
        # Arrivals are told in their order: what came before the mark has been told by then.
        while not self._matching(mark):
            self._take()
        return self._matching(path)

    def next_call(self, path):
        """The number of the first request whose path has this part, once it has come."""
        while not (numbers := self._matching(path)):
            self._take()
        return numbers[0]

    def end_of(self, number):
        """How the exchange of this number ended, once it has."""
        while self._exchanges[number]["end"] is None:
            self._take()
        return self._exchanges[number]["end"]

    def _matching(self, path):
        return [number for number, said in self._exchanges.items() if path in said["path"]]

    def _take(self):
        said = json.loads(self.line())
        self._exchanges[said["number"]] = said


def fault_map(folder, upstream):
    """Compiles a map for `upstream` in `folder` and gives its path.

    Its roles are `good-PROTOCOL`, and for each fault FAULT-PROTOCOL, which has no other link, and
    FAULT-PROTOCOL-rescued, which goes on to the other protocol.
    """
    program = []
    for protocol in MODELS:
        program += _link(protocol, protocol, f"{upstream.url}/good/{protocol}")
        program.append(_role(f"good-{protocol}", protocol))
        for fault in FAULTS:
            name = f"{fault}-{protocol}"
            program += _link(name, protocol, f"{upstream.url}/{fault}/{protocol}")
            program.append(_role(name, name))
            program.append(_role(f"{name}-rescued", name, OTHER[protocol]))
    return compiled(folder, "\n".join(program))


def compiled(folder, program):
    """Compiles a program in `folder` and gives its map's path."""
    routes = Path(folder, "routes")
    routes.mkdir()
    routes.joinpath("program.sfr").write_text(program)
    compiled = subprocess.run(
        [PROGRAMS / "sfai-dsl", "compile"], cwd=folder, capture_output=True, text=True
    )
    assert compiled.returncode == 0, compiled.stderr
    return Path(folder, "model_map.json")


def _link(name, protocol, url):
    """A provider and its model, both of this name."""
    _, model = MODELS[protocol].split("/")
    yield f'provider {name} {{\n  protocol {protocol}\n  base_url "{url}"\n}}\n'
    yield f"model {name} = {name}/{model}\n"


def _role(name, *links):
    return f"role {name} {{\n  route {' -> '.join(links)}\n}}\n"
