"""The real stack with the real function, deployed to AWS on loopback.

It owns the way from an empty account to an answer; what an answer must be like is tested with the
router. `cargo xtask test --only infra` packs the function and builds the programs.
"""

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

from aws import ACCOUNT, PATIENCE_SECONDS, REGION, Emulator

TOP = Path(__file__).parents[2]
# The upstream that other programs' tests have.
sys.path.insert(0, str(TOP / "router/tests/clients"))

from processes import PROGRAMS, Upstream  # noqa: E402

CDK = TOP / "infra/cdk"
NPX = "npx.cmd" if os.name == "nt" else "npx"
KEY = "a-key-for-the-tests-of-the-stack"
# How often pushes race until one has lost: which requests meet is for the system to decide.
ROUNDS = 25
ROUTES = """
provider openai {{
  protocol openai
  base_url "{upstream}"
  api_key  secret "/sfai/${{env}}/OPENAI_API_KEY"
}}
model gpt = openai/gpt-5.4
model mini = openai/gpt-5.4-mini
model nano = openai/gpt-5.4-nano
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
    def routes(cls, model, of=""):
        """Writes a program whose answers are this model's, for one who has a folder of this name."""
        folder = cls.folder / of / "routes"
        folder.mkdir(parents=True, exist_ok=True)
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

    def records(self):
        """Every record that is stored, by its id."""
        s3, bucket = self.aws.client("s3"), self.outputs["AuditLogBucketName"]
        found = {}
        for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
            self.assertRegex(entry["Key"], r"^dt=\d{4}-\d\d-\d\d/hour=\d\d/[\w-]+\.jsonl\.gz$")
            packed = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            # Kept for those who replay them, as `aws s3 sync` would.
            file = self.folder / "audit" / entry["Key"]
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(packed)
            for line in gzip.decompress(packed).splitlines():
                record = json.loads(line)
                found[record["id"]] = record
        return found

    def record(self, headers):
        """That of an answer with these headers. A buffered answer does not wait for its record."""
        started, name = time.monotonic(), headers["x-request-id"]
        while name not in (found := self.records()):
            self.assertLess(time.monotonic(), started + PATIENCE_SECONDS, f"no {name} in {found}")
        return found[name]

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

    def test_7_each_answer_is_on_record(self):
        bucket = self.outputs["ConfigBucketName"]
        live = self.aws.client("s3").get_object(Bucket=bucket, Key="config/model_map.json")["Body"].read()
        live = json.loads(live)["digest"]
        asked = [("ChatFunctionUrl", True), ("ChatFunctionUrl", False), ("ChatApiEndpoint", False)]
        for output, stream in asked:
            with self.subTest(output, stream=stream):
                status, headers, body = self.ask(output, stream=stream, max_tokens=99)
                self.assertEqual(status, 200, body)
                record = self.record(headers)
                told = {name: record[name] for name in ("client", "env", "map", "model", "outcome", "role", "status")}
                self.assertEqual(told, {
                    "client": "tests", "env": "e2e", "map": live, "model": headers["x-sfai-model"],
                    "outcome": "answered", "role": "coder", "status": 200,
                })
                self.assertEqual(record["rule"], headers["x-sfai-rule"])
                facts = record["facts"]
                self.assertEqual((facts.get("stream", False), facts["max_tokens"], facts["messages"]), (stream, 99, 1))
                self.assertEqual([attempt["model"] for attempt in record["attempts"]], [record["model"]])
                self.assertEqual(record["finish"], "stop")
                self.assertGreater(record["usage"]["output"], 0)
                self.assertGreater(float(record["cost_usd"]), 0)
                # What was said is in none, unless the role has it recorded in full.
                self.assertNotIn("request", record)
                self.holds(record)

    def holds(self, record):
        """The record has no field that Athena's table lacks, and each that must be there."""
        schema = json.loads((TOP / "docs/schemas/audit.schema.json").read_text())
        self.assertLessEqual(set(schema["required"]), set(record))
        glue = self.aws.client("glue")
        database, table = self.outputs["AuditTable"].split(".")
        table = glue.get_table(DatabaseName=database, Name=table)["Table"]
        columns = {column["Name"] for column in table["StorageDescriptor"]["Columns"]}
        self.assertLessEqual(set(record), columns)

    def test_8_what_is_on_record_can_be_planned_again(self):
        records = self.records().values()
        for model in ("gpt", "nano"):
            self.routes(model)
            self.dsl("compile", "--env", "e2e")
            replay = [PROGRAMS / "sfai-dsl", "replay", "audit", "--map", "model_map.json", "--format", "json"]
            done = subprocess.run(replay, cwd=self.folder, capture_output=True, text=True)
            report = json.loads(done.stdout)
            self.assertEqual((report["planned"], report["unreadable_count"]), (len(records), 0), report)
            would = f"openai/{'gpt-5.4' if model == 'gpt' else 'gpt-5.4-nano'}"
            others = sum(record["model"] != would for record in records)
            self.assertGreater(others, 0)
            self.assertEqual((report["otherwise"], done.returncode), (others, 1), report)

    def test_9_of_pushes_at_once_one_wins_and_the_other_is_told(self):
        target = ["--to", f"s3://{self.outputs['ConfigBucketName']}", "--env", "e2e", "--yes"]
        for racer in ("mini", "nano"):
            self.routes(racer, of=racer)
        self.routes("gpt")
        for _ in range(ROUNDS):
            self.dsl("push", *target)
            racers = {
                racer: subprocess.Popen(
                    [PROGRAMS / "sfai-dsl", "push", *target, "--by", racer],
                    cwd=self.folder / racer,
                    env=self.aws.environment,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                )
                for racer in ("mini", "nano")
            }
            said = {racer: process.communicate()[0] for racer, process in racers.items()}
            won = [racer for racer, process in racers.items() if process.returncode == 0]
            self.assertTrue(won, said)
            # Two that did not meet have won one after the other.
            self.assertIn(self.model().removeprefix("openai/gpt-5.4-"), won)
            if len(won) == 1:
                (lost,) = set(racers) - set(won)
                self.assertEqual(racers[lost].returncode, 2, said)
                self.assertIn(f"was made live by {won[0]} (push", said[lost])
                return
        self.fail(f"no push lost in {ROUNDS} rounds")
