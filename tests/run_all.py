"""Runs the tests, and closes with `N passed, N failed`. STREAMRUN_ACCEPT=1 rewrites the cases instead."""
import argparse
import os
import subprocess
import sys
import time
import traceback
from collections import deque
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable

from harness import cases, catalog, documents, examples, hostile, mutants, option_mutants, programs, rules, schema, terminal

WORKERS = 3
ACCEPT = os.environ.get('STREAMRUN_ACCEPT') == '1'


@dataclass(frozen=True)
class Job:
    name: str
    run: Callable  # (name, fault or None) of each thing that it tries
    then: Callable = lambda faults: []  # the jobs that come behind it; next, before all that wait


def rule(name, find, **more):
    return Job(name, lambda: [(name, '\n'.join(find()) or None)], **more)


def case_jobs(program, only='', chosen=None):
    for folder, paths in cases.paths().items():
        if not paths or folder.name not in cases.KINDS:
            yield rule(folder.name, lambda f=folder: [f'{f}: an empty folder, or no kind of cases'])
            continue
        for path in paths:
            if only in str(path):
                yield Job(path.name, lambda p=path: cases.check(program, p, accepting=ACCEPT, chosen=chosen))


def unit_jobs(build):
    for binary in sorted(build.glob('*_test')):
        if binary.is_file():
            yield Job(binary.name, lambda b=binary: programs.unit_tests(b))


def sample_jobs(build):
    """The samples, and what nobody means well with."""
    yield Job('samples', lambda: programs.samples(build / 'streamrun'))
    yield Job('hostile', lambda: hostile.check(build / 'streamrun'))


def program_jobs(build, quick=False):
    yield from unit_jobs(build)
    if not quick:
        yield Job('operators_test with a broker', lambda: programs.contract_with_broker(build))
    yield from sample_jobs(build)
    yield rule('pipelines that are nearly right', lambda: mutants.faults(build / 'streamrun'))


def source_jobs(build, tidy):
    """`tidy`: a build that is set up, and need not be built."""
    yield Job('README', lambda: documents.readme(build / 'streamrun'))
    yield Job('benchmark', lambda: documents.benchmark(str(build / 'streamrun')))
    yield rule('includes', rules.include_faults)
    yield rule('format', rules.format_faults)
    for check in (catalog, examples, option_mutants, schema, terminal):
        yield rule(check.__name__.rpartition('.')[2], lambda c=check: c.faults(str(build / 'streamrun')))
    for path in rules.tidy_sources() if tidy else []:
        yield rule(f'clang-tidy {path.relative_to(cases.ROOT)}', lambda p=path: rules.tidy_faults(tidy, p))


def process_jobs(build):
    yield Job('brokers', lambda: programs.process_tests(build / 'streamrun', programs.modules('brokers')))
    for module in programs.modules('processes'):
        yield Job(module, lambda m=module: programs.process_tests(build / 'streamrun', [m]))


def broker_jobs(build):
    """A sanitizer takes memory of its own: what counts it is left out, as is what tries tools alone."""
    yield Job('brokers', lambda: programs.process_tests(build / 'streamrun', programs.modules('brokers', 's*_test.py')))


def under(build, found):
    """As they are of another build."""
    for job in found:
        yield replace(job, name=f'{build.name}: {job.name}',
                      run=lambda j=job: [(f'{build.name}: {name}', fault) for name, fault in j.run()])


def jobs(options):
    build = options.build.resolve()
    found = list(case_jobs(build / 'streamrun', options.only))
    if ACCEPT or options.only:
        return found
    if options.quick:
        return [*found, *program_jobs(build, quick=True), rule('includes', rules.include_faults), rule('format', rules.format_faults)]
    # The longest first; the compiler has what those that wait for brokers leave it.
    return [*build_jobs(options), *process_jobs(build), *program_jobs(build), *source_jobs(build, options.tidy), *found]


def built(build, targets=()):
    run = subprocess.run(['ninja', '-C', build, *targets], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, text=True, errors='replace')
    return [] if run.returncode == 0 else [f'ended with {run.returncode}\n{run.stdout[-6000:]}']


def build_jobs(options):
    """The other builds, one after the other, and what is to pass in each."""
    def thread_tests(build):
        return [*broker_jobs(build), *unit_jobs(build), *sample_jobs(build), *case_jobs(build / 'streamrun', chosen=cases.THREADS)]

    def memory_tests(build):
        return [*program_jobs(build), *case_jobs(build / 'streamrun', chosen=cases.MEMORY)]

    chain = []
    for build, targets, tests in ((options.threads, ('streamrun', 'exec_test'), thread_tests), (options.sanitized, (), memory_tests)):
        if build:
            build = build.resolve()
            chain = [rule(f'build {build.name}', lambda b=build, t=targets: built(b, t),
                          then=lambda faults, b=build, t=tests, rest=chain: [*rest, *([] if faults else under(b, t(b)))])]
    return chain


def work(todo):
    """All that the jobs tried. Says what fails as it fails, and each minute what is at work: who waits in vain is named."""
    at_work, took, results, began, told = set(), {}, [], time.monotonic(), 0

    def run(job):
        at_work.add(job.name)
        start = time.monotonic()
        try:
            return list(job.run())
        except Exception:
            return [(job.name, traceback.format_exc())]
        finally:
            at_work.discard(job.name)
            took[job.name] = time.monotonic() - start

    waiting, running = deque(todo), {}
    # Those that run brokers and processes mostly wait.
    with ThreadPoolExecutor(WORKERS) as pool:
        while waiting or running:
            while waiting and len(running) < WORKERS:
                job = waiting.popleft()
                running[pool.submit(run, job)] = job
            for one in wait(running, timeout=5, return_when=FIRST_COMPLETED).done:
                found = one.result()
                faults = [(name, fault) for name, fault in found if fault]
                waiting.extendleft(reversed(list(running.pop(one).then(faults))))
                results += found
                for name, fault in faults:
                    print(f'FAIL {name}\n{fault}\n', flush=True)
            if (minutes := int(time.monotonic() - began) // 60) > told:
                told = minutes
                print(f"{minutes} min: {len(results)} tried; at work: {', '.join(sorted(at_work))}", flush=True)
    longest = sorted(took.items(), key=lambda one: -one[1])[:10]
    if told:
        print('longest: ' + ', '.join(f'{name} {seconds:.0f} s' for name, seconds in longest), flush=True)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('build', type=Path, help='where all targets are built')
    parser.add_argument('--sanitized', type=Path, metavar='BUILD', help='another build that has to pass the whole suite')
    parser.add_argument('--threads', type=Path, metavar='BUILD', help='another one, for what runs several threads')
    parser.add_argument('--tidy', type=Path, metavar='BUILD', help='clang-tidy, too, with the compile commands of a build that is set up')
    parser.add_argument('--quick', action='store_true', help='cases, unit tests and samples, without brokers')
    parser.add_argument('--only', default='', metavar='TEXT', help='only the cases whose path holds it')
    options = parser.parse_args()
    results = work(jobs(options))
    failed = [name for name, fault in results if fault]
    for name in failed:
        print(f'failed: {name}')
    skipped = len(results) - len(failed) if ACCEPT else 0
    print(f'{len(results) - len(failed) - skipped} passed, {len(failed)} failed' + (f', {skipped} skipped' if skipped else ''))
    return 1 if failed or not results else 0


if __name__ == '__main__':
    sys.exit(main())
