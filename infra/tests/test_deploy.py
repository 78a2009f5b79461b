"""The real stack with the real function, deployed to AWS on loopback.

It owns the way from an empty account to an answer; what an answer must be like is tested with the
router. `cargo xtask test --only infra` packs the function and builds the programs.
"""

import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from aws import ACCOUNT, REGION, Emulator

TOP = Path(__file__).parents[2]
# The upstream that other programs' tests have.
sys.path.insert(0, str(TOP / "router/tests/clients"))

from processes import PROGRAMS, Upstream  # noqa: E402

CDK = TOP / "infra/cdk"
NPX = "npx.cmd" if os.name == "nt" else "npx"
KEY = "a-key-for-the-tests-of-the-stack"
ROUTES = """
provider openai {{
  protocol openai
  base_url "{upstream}"
  api_key  secret "/sfai/${{env}}/OPENAI_API_KEY"
}}
model gpt = openai/gpt-5.4
model mini = openai/gpt-5.4-mini
role coder {{
  route {model}
}}
"""


class Deploy(unittest.TestCase):
    """One deployment, in the order in which a team lives with it."""

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory(prefix="sfai-infra-")))
        cls.upstream = cls.enterClassContext(Upstream())
        cls.aws = cls.enterClassContext(Emulator(cls.folder))
        cls.routes("gpt")
        cls.dsl("compile", "--env", "e2e")
        cls.cdk("bootstrap", f"aws://{ACCOUNT}/{REGION}")
        cls.outputs = cls.deploy()

    @classmethod
    def routes(cls, model):
        folder = cls.folder / "routes"
        folder.mkdir(exist_ok=True)
        text = ROUTES.format(upstream=f"{cls.upstream.url}/good/openai", model=model)
        folder.joinpath("all.sfr").write_text(text)

    @classmethod
    def dsl(cls, *arguments):
        return cls.run_([PROGRAMS / "sfai-dsl", *arguments], cls.folder)

    @classmethod
    def cdk(cls, *arguments):
        chosen = {
            "env": "e2e",
            "region": REGION,
            "map": cls.folder / "model_map.json",
            "package": TOP / "target/package/bootstrap.zip",
            # ministack has no budgets.
            "budgetUsd": 0,
            # Looked at before every request: what has changed is in the very next answer.
            "mapRefreshSeconds": 0,
            "secretsRefreshSeconds": 0,
        }
        choices = [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]
        # A folder of its own, as several checkouts may be tested at once.
        output = ["--output", cls.folder / "cdk.out", "--no-notices", "--ci"]
        return cls.run_([NPX, "cdk", *arguments, *choices, *output], CDK)

    @classmethod
    def deploy(cls):
        file = cls.folder / "outputs.json"
        cls.cdk("deploy", "--require-approval", "never", "--outputs-file", file)
        return json.loads(file.read_text())["SfAiE2eStack"]

    @classmethod
    def run_(cls, command, folder):
        environment = cls.aws.environment | {"CDK_DISABLE_CLI_TELEMETRY": "true"}
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        said = f"{done.stdout}\n{done.stderr}"
        assert done.returncode == 0, f"{command}\n{said}\n{cls.aws.said()[-4000:]}"
        return said

    def ask(self, output, path="/v1/chat/completions", key=KEY, **more):
        request = {"model": "coder", "messages": [{"role": "user", "content": "Hello"}], **more}
        body = json.dumps(request).encode()
        return self.aws.ask(self.outputs[output], path, body, {"Authorization": f"Bearer {key}"})

    def model(self):
        """Who answers now."""
        status, headers, body = self.ask("ChatFunctionUrl")
        self.assertEqual(status, 200, body)
        return headers["x-sfai-model"]

    def test_1_the_secrets_are_there_and_empty(self):
        secrets = self.aws.client("secretsmanager")
        for name in ("CLIENT_KEYS", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
            # AWS has no value then, ministack an empty one.
            try:
                found = secrets.get_secret_value(SecretId=f"/sfai/e2e/{name}")
            except secrets.exceptions.ResourceNotFoundException:
                found = {}
            self.assertFalse(found.get("SecretString"), name)

    def test_2_without_a_client_key_nobody_is_answered(self):
        status, _, body = self.ask("ChatFunctionUrl")
        self.assertIn(status, (401, 503), body)
        self.assertNotIn(b"choices", body)

    def test_3_with_keys_both_fronts_answer_at_once(self):
        secrets = self.aws.client("secretsmanager")
        for name, value in (("CLIENT_KEYS", f"tests:{KEY}"), ("OPENAI_API_KEY", "a-provider-key")):
            secrets.put_secret_value(SecretId=f"/sfai/e2e/{name}", SecretString=value)
        for output in ("ChatFunctionUrl", "ChatApiEndpoint"):
            with self.subTest(output):
                status, headers, body = self.ask(output)
                self.assertEqual(status, 200, body)
                answer = json.loads(body)
                self.assertTrue(answer["choices"][0]["message"]["content"])
                self.assertEqual(headers["x-sfai-model"], "openai/gpt-5.4")
                self.assertEqual(self.ask(output, key="another-key-of-sixteen")[0], 401)

    def test_4_a_stream_comes_through_the_function_url(self):
        status, headers, body = self.ask("ChatFunctionUrl", stream=True)
        self.assertEqual(status, 200, body)
        self.assertTrue(headers["Content-Type"].startswith("text/event-stream"))
        self.assertTrue(body.rstrip().endswith(b"data: [DONE]"), body[-200:])

    def test_5_the_first_map_is_a_version_like_any_other(self):
        bucket = self.outputs["ConfigBucketName"]
        said = self.dsl("versions", "--to", f"s3://{bucket}", "--env", "e2e")
        self.assertIn("cdk deploy", said)

    def test_6_a_push_changes_the_next_answer_and_a_rollback_restores_it(self):
        target = ["--to", f"s3://{self.outputs['ConfigBucketName']}"]
        self.routes("mini")
        self.dsl("push", *target, "--env", "e2e", "--yes")
        self.assertEqual(self.model(), "openai/gpt-5.4-mini")
        # Another map of the checkout does not take the place of a pushed one.
        self.routes("gpt")
        self.dsl("compile", "--env", "e2e")
        self.deploy()
        self.assertEqual(self.model(), "openai/gpt-5.4-mini")
        self.dsl("rollback", *target, "--yes")
        self.assertEqual(self.model(), "openai/gpt-5.4")
