"""The tests that are programs of their own, and the samples with their tests inside."""
import re
import subprocess
import unittest
import xml.etree.ElementTree as xml

from harness.cases import ROOT
from processes import process


def unit_tests(binary, *chosen, within=(), name=None):
    """(name, fault or None) of each test case of a Catch2 binary, which the command `within` runs."""
    name = name or binary.name
    run = subprocess.run([*within, binary, *chosen, '--reporter', 'junit'], cwd=ROOT, capture_output=True, text=True,
                         errors='replace')
    try:
        suite = xml.fromstring(run.stdout)
    except xml.ParseError:
        return [(name, f'ended with {run.returncode}, no report\n{run.stdout[-2000:]}{run.stderr[-4000:]}')]
    found = []
    for case in suite.iter('testcase'):
        faults = [f.text or '' for f in list(case.iter('failure')) + list(case.iter('error'))]
        found.append((f"{name}: {case.get('name')}", '\n'.join(faults) or None))
    if not found or (run.returncode != 0 and not any(f for _, f in found)):
        found.append((name, f'ended with {run.returncode}\n{run.stderr[-4000:]}'))
    return found


def contract_with_broker(build):
    """What every source and every sink has to do, of Kafka's with a real broker."""
    return unit_tests(build / 'operators_test', 'every s*', within=[ROOT / 'tools' / 'broker', '--make-topics', 'run'],
                      name='operators_test with a broker')


class Outcomes(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.found = []

    def stopTest(self, test):
        own = [text for one, text in self.failures + self.errors if test in (one, getattr(one, 'test_case', None))]
        self.found.append((test.id(), '\n'.join(own) or None))


def process_tests(program, folder, pattern='*_test.py'):
    """(name, fault or None) of each test of a folder of tests/, which starts the program."""
    process.program.set(str(program))
    outcomes = Outcomes()
    tests = ROOT / 'tests'
    unittest.TestLoader().discover(str(tests / folder), pattern, str(tests)).run(outcomes)
    return outcomes.found or [(folder, 'no test was found')]


def pipelines():
    """The samples but for what they include."""
    return [path for path in sorted((ROOT / 'pipelines').rglob('*.yaml'))
            if re.search('^batch_interval:', path.read_text(encoding='utf-8'), re.M)]


def samples(program):
    found = []
    for path in pipelines():
        run = subprocess.run([program, 'test', str(path)], cwd=ROOT, capture_output=True, text=True)
        passed = run.returncode == 0 and ' 0 failed' in run.stdout and not run.stdout.startswith('0 passed')
        found.append((str(path.relative_to(ROOT)), None if passed else run.stdout + run.stderr))
    return found or [('pipelines', 'an empty folder')]
