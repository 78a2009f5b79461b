"""AWS on loopback, without containers: ministack as a process of the tests.

It owns the emulator's life and what of AWS the tests ask; the stack is CDK's.
"""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import botocore.session

REGION = "ap-northeast-1"
ACCOUNT = "000000000000"

# Nothing here takes that long; it turns a service that never comes into a message.
PATIENCE_SECONDS = 60


class Emulator:
    """ministack on a free port of loopback."""

    def __init__(self, folder):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = open(folder / "ministack.log", "w+")
        # Who runs the tests may have an account of his own: nothing of it gets in here.
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        self.environment = kept | {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_ENDPOINT_URL": self.url,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        # It listens on all interfaces unless it is told otherwise.
        own = {"BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(self.port), "MINISTACK_REGION": REGION,
               "TMPDIR": str(folder)}
        self.child = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env=self.environment | own,
            stdout=self.log,
            stderr=subprocess.STDOUT,
        )

    def __enter__(self):
        started = time.monotonic()
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/_ministack/health", timeout=5).close()
                return self
            except OSError as error:
                if self.child.poll() is not None or time.monotonic() > started + PATIENCE_SECONDS:
                    said = self.said()
                    self.__exit__()
                    raise AssertionError(f"ministack did not start: {error}\n{said}") from None
                time.sleep(0.05)

    def __exit__(self, *_):
        # An order, so that it ends the functions that it runs.
        self.child.terminate()
        try:
            self.child.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.log.close()

    def said(self):
        """Its log so far."""
        self.log.flush()
        self.log.seek(0)
        return self.log.read()

    def client(self, service):
        """A client of one of its services."""
        return botocore.session.get_session().create_client(
            service,
            region_name=REGION,
            endpoint_url=self.url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def ask(self, address, path, body=None, headers={}):
        """Asks what a deployed address would be asked: (status, headers, body)."""
        host = address.removeprefix("https://").strip("/")
        # ministack knows an API by this host, and answers a chat itself at any that it does not know.
        name, is_api, _ = host.partition(".execute-api.")
        host = f"{name}.execute-api.localhost" if is_api else host
        headers = {"Host": host, "Content-Type": "application/json", **headers}
        request = urllib.request.Request(self.url + path, body, headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as answer:
            with answer:
                return answer.code, answer.headers, answer.read()
