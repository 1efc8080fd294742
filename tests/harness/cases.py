"""Cases in data: one YAML file with a pipeline, what it is given, and all that it says and leaves behind.

The folder of a case is its kind, and each kind has a rule (see KINDS). Keys of a case:

    pipeline   text of case.yaml
    files      files that are there before, by path
    modes      rights of files left behind, `{path: '0600'}`; only those named are compared
    stdin      what standard input holds (a pipe)
    serve      what a TCP server gives its client before it closes; PORT in the environment is its port
    env        variables of the environment
    args       the command line; default: that of the kind
    exit, stdout, stderr   what the program says; default 0 and nothing
    outputs    files that are new or changed, by path

A content is a text, or `{gzip: text}`, `{zstd: text}`, `{lz4: text}`, `{base64: text}`, `{link: path}`.
"""
import base64
import contextlib
import difflib
import os
import re
import signal
import socket
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
CASES = ROOT / 'tests/cases'
DEFAULTS = {'exit': 0, 'stdout': '', 'stderr': '', 'outputs': {}, 'modes': {}}
CASE_KEYS = {'pipeline', 'files', 'stdin', 'serve', 'env', 'args', *DEFAULTS}
PACKERS = {'gzip': (b'\x1f\x8b', ['gzip', '-nc']), 'zstd': (b'\x28\xb5\x2f\xfd', ['zstd', '-qc']),
           'lz4': (b'\x04\x22\x4d\x18', ['lz4', '-qc'])}
SEEDS = (1, 2)
# What a sanitizer is to see of each case.
MEMORY = {'', ' (shuffle 1)'}
THREADS = {' (4 threads)', ' (shuffle 2)'}
MOST_BATCHES = 50


@dataclass(frozen=True)
class Kind:
    args: list                        # the command line of a case that names none
    variants: Callable                # case → (suffix, pipeline, args) of every run that has to give the same
    rule: Callable                    # case → why it is no case of this kind, or ''
    restarts: bool = False            # so has one that is killed behind each batch, and started again


# ---------------------------------------------------------------- variants

def with_setting(pipeline, key, value):
    """The pipeline with one of its top-level settings replaced or added."""
    text, count = re.subn(rf'^{key}:.*$', f'{key}: {value}', pipeline, flags=re.M)
    return text if count else f'{pipeline.rstrip()}\n{key}: {value}\n'


def as_written(case, args):
    yield '', case['pipeline'], args


def in_every_order(case, args):
    """Threads, outputs at once and the order of tasks change no byte."""
    pipeline = case['pipeline']
    yield '', pipeline, args
    yield ' (4 threads)', with_setting(pipeline, 'parallelism', 4), args
    for n in (1, 3):
        yield f' ({n} outputs at once)', with_setting(pipeline, 'concurrent_outputs', n), args
    busy = with_setting(with_setting(pipeline, 'parallelism', 4), 'concurrent_outputs', 3)
    for seed in SEEDS:
        yield f' (shuffle {seed})', busy, [*args, '--shuffle-seed', str(seed)]


def as_run_too(case, args):
    """What `validate` refuses, `run` refuses with the same words, and it opens nothing."""
    yield '', case['pipeline'], args
    if case.get('exit') == 2 and args[0] == 'validate' and '--format' not in args:
        yield ' (run)', case['pipeline'], ['run', *args[1:]]


# ---------------------------------------------------------------- rules

def runs(case):
    if case.get('args', ['run'])[0] not in ('run', 'case.yaml'):
        return 'it does not run a pipeline'
    if case.get('exit', 0) != 0 or case.get('stderr'):
        return 'it fails or warns; that is a case of errors'
    return '' if case.get('stdout') or case.get('outputs') else 'nothing comes out'


def meets_errors(case):
    if case.get('args', ['run'])[0] != 'run' or case.get('exit', 0) == 2:
        return 'it does not run a pipeline'
    return '' if case.get('stderr') or 'errors' in case['pipeline'] else 'no record fails'


def diagnoses(case):
    if case.get('outputs'):
        return 'something was written'
    return '' if case.get('stderr') or '--format' in case.get('args', []) else 'no diagnostic is given'


def explains(case):
    return '' if case.get('exit', 0) == 0 and case.get('stdout') else 'nothing is explained'


KINDS = {
    'run': Kind(['run', 'case.yaml', '--start-time', '0'], in_every_order, runs, restarts=True),
    'errors': Kind(['run', 'case.yaml', '--start-time', '0'], in_every_order, meets_errors),
    'diagnostics': Kind(['validate', 'case.yaml'], as_run_too, diagnoses),
    'explain': Kind(['explain', 'case.yaml'], as_written, explains),
    'commands': Kind(['run', 'case.yaml'], as_written, lambda case: ''),
}


# ---------------------------------------------------------------- running

def bytes_of(content):
    if isinstance(content, str):
        return content.encode()
    (form, text), = content.items()
    if form == 'base64':
        return base64.b64decode(text)
    return subprocess.run(PACKERS[form][1], input=text.encode(), stdout=subprocess.PIPE, check=True).stdout


def put(target, content):
    target.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict) and 'link' in content:
        target.symlink_to(content['link'])
    else:
        target.write_bytes(bytes_of(content))


def content_of(data):
    """As `put` takes it. Members of a compressed file that grows stand one behind the other."""
    for form, (magic, command) in PACKERS.items():
        if data.startswith(magic):
            return {form: subprocess.run([*command, '-d'], input=data, stdout=subprocess.PIPE, check=True).stdout.decode()}
    try:
        return data.decode()
    except UnicodeDecodeError:
        return {'base64': base64.b64encode(data).decode()}


def files_in(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob('*')) if p.is_file()}


@contextmanager
def server(text):
    """The variables by which a client finds it."""
    if text is None:
        yield {}
        return

    def serve():
        with contextlib.suppress(OSError):
            client, _ = listener.accept()
            with client:
                client.sendall(text.encode())

    with socket.create_server(('127.0.0.1', 0)) as listener:
        thread = threading.Thread(target=serve)
        thread.start()
        yield {'PORT': str(listener.getsockname()[1])}
        # Whoever still waits for a client is woken.
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def comes_again(case, args):
    """Whether a restart can read what the run before it has read, and knows how much is left to do."""
    once = ('checkpoint:', 'stdin:', 'socket:', 'kafka:')
    # Each process writes a header of its own to standard output.
    headed = 'stdout:' in case['pipeline'] and 'header: true' in case['pipeline']
    return '--batches' not in args and not headed and not any(word in case['pipeline'] for word in once)


def run_program(command, killed, **options):
    """Once; or, `killed` behind each batch, until it comes to its end."""
    stdout = stderr = b''
    for _ in range(MOST_BATCHES if killed else 1):
        run = subprocess.run([*command, '--kill-at', 'after-commit'] if killed else command, capture_output=True, timeout=120, **options)
        stdout, stderr = stdout + run.stdout, stderr + run.stderr
        if run.returncode != -signal.SIGKILL:
            break
    return run.returncode, stdout, stderr


def run_case(program, case, pipeline, args, killed=False):
    """What the program says and leaves, in the form of the case's expectations."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as log, server(case.get('serve')) as found:
        folder = Path(folder)
        if killed:
            pipeline = with_setting(pipeline, 'checkpoint', f'{{path: {log}/log}}')
        for name, content in {**case.get('files', {}), 'case.yaml': pipeline}.items():
            put(folder / name, content)
        before = files_in(folder)
        code, stdout, stderr = run_program([program, *args], killed, cwd=folder, input=bytes_of(case.get('stdin', '')),
                                           env={**os.environ, **case.get('env', {}), **found})
        changed = {name: content_of(data) for name, data in files_in(folder).items() if before.get(name) != data}
        modes = {name: f'{(folder / name).stat().st_mode & 0o777:04o}' if (folder / name).exists() else 'no such file'
                 for name in case.get('modes', {})}
        return {'exit': code, 'stdout': stdout.decode(errors='replace'), 'stderr': stderr.decode(errors='replace'),
                'outputs': changed, 'modes': modes}


def block(dumper, text):
    return dumper.represent_scalar('tag:yaml.org,2002:str', text, style='|' if '\n' in text else None)


yaml.SafeDumper.add_representer(str, block)


def difference(wanted, got):
    def lines(what):
        return yaml.safe_dump({k: v for k, v in what.items() if wanted[k] != got[k]}, allow_unicode=True, width=1000).splitlines()
    return '\n'.join(list(difflib.unified_diff(lines(wanted), lines(got), 'expected', 'got', n=1, lineterm=''))[:60])


def accept(path, case, got):
    case = {**{k: v for k, v in case.items() if k not in DEFAULTS}, **{k: v for k, v in got.items() if v != DEFAULTS[k]}}
    path.write_text(yaml.safe_dump(case, sort_keys=False, allow_unicode=True, width=120), encoding='utf-8')


def check(program, path, accepting=False, chosen=None):
    """(name, fault or None) of each run of a case, or of the variants that are chosen by their suffixes; `accepting`
    rewrites it."""
    name, kind = str(path.relative_to(ROOT)), KINDS[path.parent.name]
    try:
        case = yaml.safe_load(path.read_text(encoding='utf-8'))
    except yaml.YAMLError as fault:
        return [(name, f'no YAML: {fault}')]
    if not isinstance(case, dict) or 'pipeline' not in case or set(case) - CASE_KEYS:
        return [(name, f'a case is a mapping with `pipeline` and of {sorted(CASE_KEYS)}')]
    if accepting:
        accept(path, case, run_case(program, case, case['pipeline'], case.get('args', kind.args)))
        return [(name, None)]
    if fault := kind.rule(case):
        return [(name, f'no case of {path.parent.name}: {fault}')]
    wanted = {key: case.get(key, empty) for key, empty in DEFAULTS.items()}
    found, shown, own = [], [], case.get('args', kind.args)
    variants = [(*variant, False) for variant in kind.variants(case, own)]
    if kind.restarts and comes_again(case, own):
        variants.append((' (killed behind each batch)', case['pipeline'], own, True))
    for suffix, pipeline, args, killed in variants:
        if chosen is not None and suffix not in chosen:
            continue
        got = run_case(program, case, pipeline, args, killed)
        fault = None if got == wanted else 'as before' if got in shown else difference(wanted, got)
        if fault:
            shown.append(got)
        found.append((name + suffix, fault))
    return found


def paths():
    """Every case, by kind; a folder without cases is a fault that the caller reports."""
    return {folder: sorted(folder.glob('*.yaml')) for folder in sorted(CASES.iterdir())
            if folder.is_dir() and folder.name not in ('expressions', 'aggregates')}  # those are unit tests'
