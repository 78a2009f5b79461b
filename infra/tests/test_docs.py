"""What the pages on deployment show is there: commands, choices, outputs, links, and one page in
two languages."""

import json
import re
import subprocess
import sys
import unittest
from pathlib import Path

import botocore.session

TOP = Path(__file__).parents[2]
sys.path.insert(0, str(TOP / "router/tests/clients"))

from processes import PROGRAMS  # noqa: E402

PAGES = {name: (TOP / "docs" / name).read_text() for name in ("deploy.md", "deploy.ja.md", "operations.md")}
# What the AWS CLI has beside the services' own operations.
OWN = {("s3", "cp"), ("logs", "tail")}


def blocks(page):
    return re.findall(r"```(\w+)\n(.*?)```", page, re.DOTALL)


def commands(page, program):
    """The words after a program, wherever it stands in code."""
    code = [text for _, text in blocks(page)]
    rest = re.sub(r"```.*?```", "", page, flags=re.DOTALL)
    code += re.findall(r"`([^`]+)`", rest)
    lines = [line for text in code for line in re.split(r"\n|&&|;|\|", text)]
    for line in lines:
        if match := re.search(rf"(?:^|[\s(=]){re.escape(program)} (.+)", line):
            yield re.sub(r'"[^"]*"', "TEXT", match[1]).rstrip(" )").split()


def said(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=TOP).stdout


def prose(page):
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page, flags=re.MULTILINE | re.DOTALL)


class Docs(unittest.TestCase):
    def each(self, program):
        found = [words for page in PAGES.values() for words in commands(page, program)]
        self.assertTrue(found, program)
        return found

    def holds(self, program, shown):
        """Every verb and flag is in the program's own help."""
        for verb, *rest in shown:
            try:
                help_ = said(*program, verb, "--help")
            except subprocess.CalledProcessError:
                self.fail(f"{program} has no verb {verb}")
            for flag in (word for word in rest if word.startswith("--")):
                self.assertRegex(help_, rf"{flag}\b", f"{verb} {rest}")

    def test_verbs_of_sfai_dsl_are_real(self):
        self.holds([str(PROGRAMS / "sfai-dsl")], self.each("sfai-dsl"))

    def test_chores_are_real(self):
        self.holds([str(PROGRAMS / "xtask")], self.each("cargo xtask"))

    def test_verbs_of_cdk_and_npm_are_real(self):
        cdk = (TOP / "infra/cdk/node_modules/.bin/cdk").resolve()
        help_ = said("node", str(cdk), "--help")
        for verb, *_ in self.each("npx cdk"):
            self.assertRegex(help_, rf"cdk {verb}\b")
        scripts = json.loads((TOP / "infra/cdk/package.json").read_text())["scripts"]
        for verb, *rest in self.each("npm"):
            self.assertTrue(verb in ("ci", "install") or rest[0] in scripts, (verb, rest))

    def test_calls_of_the_aws_cli_are_real(self):
        session = botocore.session.get_session()
        for service, verb, *rest in self.each("aws"):
            if (service, verb) in OWN:
                continue
            model = session.get_service_model(service)
            names = {re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower(): name for name in model.operation_names}
            self.assertIn(verb, names, service)
            shape = model.operation_model(names[verb]).input_shape
            members = {re.sub(r"(?<!^)(?=[A-Z])", "-", name).lower() for name in (shape.members if shape else {})}
            members |= {"query", "output"}
            for flag in (word[2:] for word in rest if word.startswith("--")):
                self.assertIn(flag, members, f"{service} {verb}")

    def test_choices_are_those_of_the_stack(self):
        source = (TOP / "infra/cdk/lib/choices.ts").read_text()
        choices = dict(re.findall(r"^  (\w+): \w+\('(\w+)'", source, re.MULTILINE))
        for name in ("deploy.md", "deploy.ja.md"):
            rows = dict(re.findall(r"^\| `(\w+)` \| `((?:SFAI|CDK)_\w+)` \|", PAGES[name], re.MULTILINE))
            self.assertEqual(rows, choices, name)
        for name, page in PAGES.items():
            for choice in re.findall(r"-c ([a-z]\w*)=", page):
                self.assertIn(choice, choices, name)

    def test_outputs_and_metrics_are_those_of_the_stack(self):
        stack = (TOP / "infra/cdk/lib/cdk-stack.ts").read_text()
        for page in PAGES.values():
            for output in re.findall(r"\b(Chat\w+|\w+BucketName|AlarmTopicArn)\b", page):
                self.assertIn(f"{output}:", stack)
        names = re.search(r"NAMES = \[(.*?)\]", (TOP / "infra/cdk/lib/metrics.ts").read_text(), re.DOTALL)[1]
        router = (TOP / "router/src/metrics.rs").read_text()
        for metric in re.findall(r"'(\w+)'", names):
            self.assertIn(f"`{metric}`", PAGES["operations.md"])
            self.assertIn(f'("{metric}", ', router)

    def test_links_lead_somewhere(self):
        for name, page in PAGES.items():
            for target in re.findall(r"\]\(([^)]+)\)", page):
                file, _, section = target.partition("#")
                if file.startswith("https://"):
                    continue
                to = PAGES[name] if not file else (TOP / "docs" / file).read_text()
                if section:
                    self.assertIn(section, self.anchors(to), f"{name}: {target}")

    @staticmethod
    def anchors(page):
        titles = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", page, flags=re.DOTALL), re.MULTILINE)
        return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}

    def test_both_languages_are_one_page(self):
        english, japanese = PAGES["deploy.md"], PAGES["deploy.ja.md"]
        self.assertEqual(blocks(english), blocks(japanese))
        for form in (r"^(#+) ", r"^(- \[ \])", r"^(\| --- .*)$"):
            count = [re.findall(form, page, re.MULTILINE) for page in (english, japanese)]
            self.assertEqual(*count, form)
        rows = [len(re.findall(r"^\| ", page, re.MULTILINE)) for page in (english, japanese)]
        self.assertEqual(*rows)
        # What is left out of the prose is seen by what it names, and where it leads.
        for form in (r"`([^`]+)`", r"\]\((?!#|deploy)([^)]+)\)"):
            named = [set(re.findall(form, prose(page))) for page in (english, japanese)]
            self.assertEqual(*named)

    def test_both_shells_have_every_step(self):
        """Packing is for Linux alone; all else has both forms."""
        for name, page in PAGES.items():
            kinds = [kind for kind, text in blocks(page) if "xtask package" not in text]
            shells = [kind for kind in kinds if kind in ("bash", "powershell")]
            self.assertEqual(shells, ["bash", "powershell"] * (len(shells) // 2), name)
