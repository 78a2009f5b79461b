"""Runs the tests of the stack that are no TypeScript and says how many there were.

It owns the closing line and the exit code alone: 0 when all passed and there were some.
"""

import sys
import unittest
from pathlib import Path

HERE = Path(__file__).parent

suite = unittest.defaultTestLoader.discover(HERE, top_level_dir=HERE)
result = unittest.TextTestRunner(verbosity=2).run(suite)
failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
passed = max(result.testsRun - failed - len(result.skipped), 0)
print(f"infra: {passed} passed, {failed} failed, {len(result.skipped)} skipped", flush=True)
sys.exit(0 if passed and not failed else 1)
