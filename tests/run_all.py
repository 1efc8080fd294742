"""Runs the tests, and closes with `N passed, N failed`. STREAMRUN_ACCEPT=1 rewrites the cases instead."""
import argparse
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness import cases, catalog, documents, examples, hostile, mutants, option_mutants, programs, rules, schema, terminal

ACCEPT = os.environ.get('STREAMRUN_ACCEPT') == '1'


def rule(name, find):
    return lambda: [(name, '\n'.join(find()) or None)]


def case_jobs(program, only='', threaded=False, restarts=True):
    for folder, paths in cases.paths().items():
        if not paths or folder.name not in cases.KINDS:
            yield rule(folder.name, lambda f=folder: [f'{f}: an empty folder, or no kind of cases'])
            continue
        for path in paths:
            if only in str(path):
                yield lambda p=path: cases.check(program, p, accepting=ACCEPT, threaded=threaded, restarts=restarts)


def program_jobs(build, quick=False):
    """The unit tests that are built, the samples, and what nobody means well with."""
    for binary in sorted(build.glob('*_test')):
        if binary.is_file():
            yield lambda b=binary: programs.unit_tests(b)
    if not quick:
        yield lambda: programs.contract_with_broker(build)
    yield lambda: programs.samples(build / 'streamrun')
    yield lambda: hostile.check(build / 'streamrun')
    yield rule('pipelines that are nearly right', lambda: mutants.faults(build / 'streamrun'))


def source_jobs(build, tidy):
    """`tidy`: a build that is set up, and need not be built."""
    yield lambda: documents.readme(build / 'streamrun')
    yield lambda: documents.benchmark(str(build / 'streamrun'))
    yield rule('includes', rules.include_faults)
    yield rule('format', rules.format_faults)
    for check in (catalog, examples, option_mutants, schema, terminal):
        yield rule(check.__name__.rpartition('.')[2], lambda c=check: c.faults(str(build / 'streamrun')))
    for path in rules.tidy_sources() if tidy else []:
        yield rule(f'clang-tidy {path.relative_to(cases.ROOT)}', lambda p=path: rules.tidy_faults(tidy, p))


def broker_tests(build, watched):
    """One build after the other, since each has brokers of its own. A sanitizer takes memory of its own: what counts it
    is left out, as is what tries tools alone."""
    yield from programs.process_tests(build / 'streamrun', 'brokers')
    if watched:
        for name, fault in programs.process_tests(watched / 'streamrun', 'brokers', 's*_test.py'):
            yield f'{watched.name}: {name}', fault


def jobs(options):
    """(prefix of its names, function that gives (name, fault or None) of what it tried)."""
    build = options.build.resolve()
    yield from (('', job) for job in case_jobs(build / 'streamrun', options.only))
    if ACCEPT or options.only:
        return
    if options.quick:
        yield from (('', job) for job in program_jobs(build, quick=True))
        yield from (('', rule(name, find)) for name, find in (('includes', rules.include_faults), ('format', rules.format_faults)))
        return
    watched = options.threads.resolve() if options.threads else None
    processes = [lambda: broker_tests(build, watched), lambda: programs.process_tests(build / 'streamrun', 'processes')]
    yield from (('', job) for job in [*processes, *program_jobs(build), *source_jobs(build, options.tidy)])
    for other, threaded in ((options.sanitized, False), (options.threads, True)):
        if other:
            found = [*program_jobs(other.resolve(), quick=threaded), *case_jobs(other.resolve() / 'streamrun', threaded=threaded, restarts=False)]
            yield from ((f'{other.name}: ', job) for job in found)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('build', type=Path, help='where all targets are built')
    parser.add_argument('--sanitized', type=Path, metavar='BUILD', help='another build that has to pass the whole suite')
    parser.add_argument('--threads', type=Path, metavar='BUILD', help='another one, for what runs several threads')
    parser.add_argument('--tidy', type=Path, metavar='BUILD', help='clang-tidy, too, with the compile commands of a build that is set up')
    parser.add_argument('--quick', action='store_true', help='cases, unit tests and samples, without brokers')
    parser.add_argument('--only', default='', metavar='TEXT', help='only the cases whose path holds it')
    options = parser.parse_args()
    # Those that run brokers and processes mostly wait.
    with ThreadPoolExecutor(3) as pool:
        tried = pool.map(lambda job: [(job[0] + name, fault) for name, fault in job[1]()], jobs(options))
        results = [one for found in tried for one in found]
    failed = [(name, fault) for name, fault in results if fault]
    for name, fault in failed:
        print(f'FAIL {name}\n{fault}\n')
    skipped = len(results) - len(failed) if ACCEPT else 0
    print(f'{len(results) - len(failed) - skipped} passed, {len(failed)} failed' + (f', {skipped} skipped' if skipped else ''))
    return 1 if failed or not results else 0


if __name__ == '__main__':
    sys.exit(main())
