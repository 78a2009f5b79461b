"""The page on deployment as a new user walks it: its own commands, in their order, against AWS on
loopback.

It owns what a person answers and what AWS on loopback lacks; what the deployment then does is
test_deploy.py's.
"""

import os
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from aws import REGION, Emulator

TOP = Path(__file__).parents[2]
sys.path.insert(0, str(TOP / "router/tests/clients"))

from processes import PROGRAMS  # noqa: E402

# What a person says when asked.
ANSWERS = {"npx cdk deploy": "--require-approval never", "npx cdk destroy": "--force", "sfai-dsl push": "--yes"}
# There is no other command here: keys are put by test_deploy.py, and there is but one map to go back to.
WALKED = re.compile(r"(cd|export|npx cdk|sfai-dsl (check|test|compile|push|versions)) ?")


class Walk(unittest.TestCase):
    def test_the_commands_of_the_page_deploy_push_and_take_down(self):
        page = (TOP / "docs/deploy.md").read_text()
        blocks = re.findall(r"```bash\n(.*?)```", page, re.DOTALL)
        lines = [line for block in blocks for line in block.splitlines() if WALKED.match(line)]
        # Each part of the way is among them.
        for part in ("export SFAI_ENV", "sfai-dsl compile", *ANSWERS, "npx cdk bootstrap", "npx cdk diff"):
            self.assertTrue(any(line.startswith(part) for line in lines), part)
        folder = Path(self.enterContext(tempfile.TemporaryDirectory(prefix="sfai-walk-")))
        self.aws = self.enterContext(Emulator(folder))
        script = ["set -euxo pipefail", "top=$PWD"]
        for line in lines:
            if line.startswith("cd "):
                # Each part of the page begins in the checkout.
                line = line.replace("cd ", 'cd "$top"/', 1)
            elif line.startswith("sfai-dsl"):
                # No function runs here that could be asked; the router's own tests ask one.
                line = line.replace(' --url "$URL"', "")
                line = f'(cd "$top" && {line}{self.answer(line)})'
            elif line.startswith("npx cdk"):
                line = f'{line}{self.answer(line)} --output "{folder}/cdk.out" --no-notices --ci'
            script.append(line)
            if line.startswith("npx cdk deploy"):
                script.append(f'BUCKET=$("{sys.executable}" "{__file__}")')
        said = self.run_("\n".join(script))
        self.assertIn("SfAiProdStack", said)

    @staticmethod
    def answer(line):
        asks = [answer for command, answer in ANSWERS.items() if line.startswith(command)]
        return "".join(f" {answer}" for answer in asks if "--dry-run" not in line)

    def run_(self, script):
        environment = self.aws.environment | {
            "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            # ministack has no budgets.
            "SFAI_BUDGET_USD": "0",
        }
        done = subprocess.run(["bash", "-c", script], cwd=TOP, env=environment, capture_output=True, text=True)
        said = f"{done.stdout}\n{done.stderr}"
        self.assertEqual(done.returncode, 0, f"{script}\n{said}\n{self.aws.said()[-4000:]}")
        return said


def bucket():
    """What the AWS CLI, which is not here, says of the output."""
    import botocore.session

    client = botocore.session.get_session().create_client("cloudformation", region_name=REGION)
    (stack,) = client.describe_stacks(StackName="SfAiProdStack")["Stacks"]
    return next(it["OutputValue"] for it in stack["Outputs"] if it["OutputKey"] == "ConfigBucketName")


if __name__ == "__main__":
    print(bucket())
