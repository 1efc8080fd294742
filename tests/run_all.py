"""Runs the tests, and closes with `N passed, N failed`. STREAMRUN_ACCEPT=1 rewrites the cases instead."""
import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import cases, catalog, programs, rules

ACCEPT = os.environ.get('STREAMRUN_ACCEPT') == '1'
# What is proven of the program by its cases, and what of the sources alone.
PARTS = ('units', 'cases', 'samples', 'rules')


def rule(name, find):
    return lambda: [(name, '\n'.join(find()) or None)]


def jobs(build, parts, only):
    """Functions that give (name, fault or None) of what they tried."""
    program = str(build / 'streamrun')
    if 'units' in parts:
        for binary in sorted(build.glob('*_test')):
            if binary.is_file():
                yield lambda b=binary: programs.unit_tests(b)
    if 'cases' in parts:
        for folder, paths in cases.paths().items():
            if not paths or folder.name not in cases.KINDS:
                yield rule(folder.name, lambda f=folder: [f'{f}: an empty folder, or no kind of cases'])
                continue
            for path in paths:
                if only in str(path):
                    yield lambda p=path: cases.check(program, p, ACCEPT)
    if 'samples' in parts:
        yield lambda: programs.samples(program)
    if 'rules' in parts:
        yield rule('includes', rules.include_faults)
        yield rule('catalog', lambda: catalog.faults(program))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('build', type=Path)
    parser.add_argument('--parts', nargs='+', choices=PARTS, default=PARTS)
    parser.add_argument('--only', default='', metavar='TEXT', help='only the cases whose path holds it')
    parser.add_argument('--jobs', type=int, default=2)
    arguments = parser.parse_args()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        tried = jobs(arguments.build.resolve(), ('cases',) if ACCEPT else arguments.parts, arguments.only)
        results = [one for found in pool.map(lambda job: job(), tried) for one in found]
    failed = [(name, fault) for name, fault in results if fault]
    for name, fault in failed:
        print(f'FAIL {name}\n{fault}\n')
    skipped = len(results) - len(failed) if ACCEPT else 0
    print(f'{len(results) - len(failed) - skipped} passed, {len(failed)} failed' + (f', {skipped} skipped' if skipped else ''))
    return 1 if failed or not results else 0


if __name__ == '__main__':
    sys.exit(main())
