"""The tests that are programs of their own, and the samples with their tests inside."""
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as xml

from harness.cases import ROOT

GUARD = 1200  # seconds until a program that does not end is given up


def unit_tests(binary, *chosen, within=(), name=None):
    """(name, fault or None) of each test case of a Catch2 binary, which the command `within` runs."""
    name = name or binary.name
    try:
        run = subprocess.run([*within, binary, *chosen, '--reporter', 'junit'], cwd=ROOT, capture_output=True, text=True,
                             errors='replace', stdin=subprocess.DEVNULL, timeout=GUARD)
    except subprocess.TimeoutExpired as hung:
        return [(name, f'did not end within {GUARD} s\n{(hung.stdout or b"")[-2000:]}')]
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


def modules(folder, pattern='*_test.py'):
    return [f'{folder}.{path.stem}' for path in sorted((ROOT / 'tests' / folder).glob(pattern))]


def process_tests(program, names):
    """(name, fault or None) of each test of modules of tests/, which start the program. They have a process of their own:
    who forks beside running threads may wait for ever."""
    run = subprocess.run([sys.executable, '-W', 'ignore', '-m', 'harness.process_tests', *names], cwd=ROOT / 'tests', text=True,
                         env={**os.environ, 'STREAMRUN': str(program)}, stdin=subprocess.DEVNULL, capture_output=True, errors='replace')
    found, strange = {}, ''
    for line in run.stdout.splitlines():
        try:
            name, *ended = json.loads(line)
        except ValueError:
            strange += line + '\n'
            continue
        found[name] = ended[0] if ended else 'it did not end'
    if not found or run.returncode != 0:
        found[' '.join(names)] = f'ended with {run.returncode}\n{strange}{run.stderr[-6000:]}'
    return list(found.items())


def pipelines():
    """The samples but for what they include."""
    return [path for path in sorted((ROOT / 'pipelines').rglob('*.yaml'))
            if re.search('^batch_interval:', path.read_text(encoding='utf-8'), re.M)]


def samples(program):
    found = []
    for path in pipelines():
        run = subprocess.run([program, 'test', str(path)], cwd=ROOT, capture_output=True, text=True, timeout=GUARD)
        passed = run.returncode == 0 and ' 0 failed' in run.stdout and not run.stdout.startswith('0 passed')
        found.append((str(path.relative_to(ROOT)), None if passed else run.stdout + run.stderr))
    return found or [('pipelines', 'an empty folder')]
