"""Runs every test: unit tests of the floors, the rule of the floors, samples, and the cases in data.

    run_all.py BUILD      closes with `N passed, N failed`
"""
import os
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as xml
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
ACCEPT = os.environ.get('STREAMRUN_ACCEPT') == '1'
CASE_KEYS = {'pipeline', 'files', 'stdin', 'args', 'exit', 'stdout', 'stderr', 'outputs'}


def unit_tests(binary):
    """(name, fault or None) of each test case of a Catch2 binary."""
    run = subprocess.run([binary, '--reporter', 'junit'], cwd=ROOT, capture_output=True, text=True, errors='replace')
    try:
        suite = xml.fromstring(run.stdout)
    except xml.ParseError:
        return [(binary.name, f'ended with {run.returncode}, no report\n{run.stdout[-2000:]}{run.stderr[-2000:]}')]
    found = []
    for case in suite.iter('testcase'):
        faults = [f.text or '' for f in list(case.iter('failure')) + list(case.iter('error'))]
        found.append((f"{binary.name}: {case.get('name')}", '\n'.join(faults) or None))
    if not found or (run.returncode != 0 and not any(f for _, f in found)):
        found.append((binary.name, f'ended with {run.returncode}\n{run.stderr[-2000:]}'))
    return found


FLOORS = {'base': 0, 'data': 1, 'expr': 2, 'operator': 3, 'config': 4, 'plan': 5, 'exec': 6, 'observe': 6, 'cli': 7}


def floor_faults():
    """A file includes only files of its own floor and of lower ones."""
    faults = []
    for path in sorted(list(ROOT.glob('runner/**/*.[hc]*')) + list(ROOT.glob('operators/**/*.[hc]*'))):
        own = path.relative_to(ROOT).parts
        for line in path.read_text(encoding='utf-8').splitlines():
            match = re.match(r'#include "((?:runner|operators)/[^"]+)"', line)
            if not match:
                continue
            other = match[1].split('/')
            if own[0] == 'operators':
                allowed = other[0] == 'operators' or FLOORS[other[1]] <= FLOORS['operator']
            elif other[0] == 'operators':
                allowed = own[1] == 'cli'
            else:
                allowed = own[1] == other[1] or FLOORS[other[1]] < FLOORS[own[1]]
            if not allowed:
                faults.append(f"{'/'.join(own)} includes {match[1]}")
    return faults


def variants(case):
    """The same pipeline with other threads and outputs at once: it must give the same."""
    text = case['pipeline']
    yield '', text
    if case.get('exit', 0) == 2 or 'parallelism' in text or 'concurrent_outputs' in text:
        return
    yield ' (4 threads)', text + '\nparallelism: 4\n'
    yield ' (3 outputs at once)', text + '\nparallelism: 2\nconcurrent_outputs: 3\n'


def run_case(program, case, pipeline):
    """What the program says and leaves, in the form of the case's expectations."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for name, content in {**case.get('files', {}), 'case.yaml': pipeline}.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content if isinstance(content, bytes) else content.encode())
        run = subprocess.run([program, *case.get('args', ['run', 'case.yaml'])], cwd=folder, capture_output=True,
                             input=case.get('stdin', '').encode(), timeout=60)
        left = {str(p.relative_to(folder)): p.read_text(encoding='utf-8', errors='replace')
                for p in sorted(folder.rglob('*')) if p.is_file()}
        for name in list(case.get('files', {})) + ['case.yaml']:
            left.pop(name, None)
        return {'exit': run.returncode, 'stdout': run.stdout.decode(errors='replace'),
                'stderr': run.stderr.decode(errors='replace'), 'outputs': left}


def block(dumper, text):
    return dumper.represent_scalar('tag:yaml.org,2002:str', text, style='|' if '\n' in text else None)


yaml.SafeDumper.add_representer(str, block)


def data_case(program, path):
    case = yaml.safe_load(path.read_text(encoding='utf-8'))
    name = str(path.relative_to(ROOT))
    unknown = set(case) - CASE_KEYS
    if unknown:
        return [(name, f'unknown keys {sorted(unknown)}')]
    found = []
    for suffix, pipeline in variants(case):
        got = run_case(program, case, pipeline)
        if ACCEPT and not suffix:
            case.update({k: v for k, v in got.items() if v or k == 'exit'})
            path.write_text(yaml.safe_dump(case, sort_keys=False, allow_unicode=True, width=120), encoding='utf-8')
        faults = [f'{key}: expected\n{case.get(key, empty)}\ngot\n{got[key]}'
                  for key, empty in (('exit', 0), ('stdout', ''), ('stderr', ''), ('outputs', {}))
                  if got[key] != case.get(key, empty)]
        found.append((name + suffix, '\n'.join(faults) or None))
    return found


def samples(program):
    found = []
    for path in sorted((ROOT / 'pipelines').glob('*.yaml')):
        run = subprocess.run([program, 'test', str(path)], cwd=ROOT, capture_output=True, text=True)
        passed = run.returncode == 0 and ' 0 failed' in run.stdout and not run.stdout.startswith('0 passed')
        found.append((f'pipelines/{path.name}', None if passed else run.stdout + run.stderr))
    return found


def main():
    build = Path(sys.argv[1]).resolve()
    program = str(build / 'streamrun')
    jobs = [lambda b=b: unit_tests(b) for b in sorted(build.glob('*_test')) if b.is_file()]
    jobs.append(lambda: [('floors', '\n'.join(floor_faults()) or None)])
    jobs.append(lambda: samples(program))
    for folder in sorted((ROOT / 'tests/cases').iterdir()):
        if folder.name == 'expressions' or not folder.is_dir():
            continue
        cases = sorted(folder.glob('*.yaml'))
        if not cases:
            jobs.append(lambda f=folder: [(str(f.relative_to(ROOT)), 'an empty folder')])
        jobs += [lambda c=c: data_case(program, c) for c in cases]
    with ThreadPoolExecutor(2) as pool:
        results = [r for found in pool.map(lambda job: job(), jobs) for r in found]
    failed = [(name, fault) for name, fault in results if fault]
    for name, fault in failed:
        print(f'FAIL {name}\n{fault}\n')
    print(f'{len(results) - len(failed)} passed, {len(failed)} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
