"""Rules of the sources: who may include whom, and how they are written."""
import re
import subprocess

from harness.cases import ROOT

FLOORS = {'base': 0, 'data': 1, 'expr': 2, 'operator': 3, 'config': 4, 'plan': 5, 'exec': 6, 'observe': 6, 'cli': 7}

# Who includes an outside library: the beginning of its headers, and the floors that may.
LIBRARIES = {
    'yaml-cpp/': {'config'},
    'CLI/': {'cli'},
    'simdjson': {'data', 'expr'},
    'nlohmann/': {'base', 'operator', 'config', 'plan', 'exec', 'cli', 'operators'},
    're2/': {'expr', 'config', 'plan', 'operators'},
    'librdkafka/': {'operators'},
    'unicode/': {'expr'},
    'openssl/': {'expr'},
    'xxhash': {'operator', 'expr', 'exec'},
    'sqlite3.h': {'exec'},
    'zlib': {'operator', 'expr'},
    'isa-l/': {'operator'},
    'lz4': {'operator'},
    'zstd': {'operator'},
    'date/': {'data'},
    'fast_float/': {'data'},
    'fmt/': set(FLOORS) | {'operators'},
}
STANDARD = re.compile(r'[a-z_0-9]+|c[a-z]+')
SYSTEM = re.compile(r'(?:sys/|linux/|arpa/|netinet/)?[a-z_]+\.h')


def sources():
    return sorted(p for top in ('runner', 'operators') for p in (ROOT / top).rglob('*') if p.suffix in ('.cc', '.h'))


def include_faults():
    """A file includes only files of its own floor and of lower ones, and outside libraries through their floor."""
    faults, used = [], set()
    for path in sources():
        own = path.relative_to(ROOT).parts
        floor = 'operators' if own[0] == 'operators' else own[1]
        for form, name in re.findall(r'^#include ([<"])([^>"]+)[>"]', path.read_text(encoding='utf-8'), re.M):
            if form == '"':
                other = name.split('/')
                if own[0] == 'operators':
                    allowed = other[0] == 'operators' or FLOORS[other[1]] <= FLOORS['operator']
                elif other[0] == 'operators':
                    allowed = floor == 'cli'
                else:
                    allowed = floor == other[1] or FLOORS[other[1]] < FLOORS[floor]
            else:
                library = next((start for start in LIBRARIES if name.startswith(start)), None)
                used.add(library)
                allowed = floor in LIBRARIES[library] if library else STANDARD.fullmatch(name) or SYSTEM.fullmatch(name)
            if not allowed:
                faults.append(f"{'/'.join(own)} includes {name}")
    return faults + [f'nobody includes {name}*' for name in LIBRARIES if name not in used]


def tidy_sources():
    """What clang-tidy has time for: the ground floor, what runs the operators, and those that touch the outside world."""
    folders = ('runner/base', 'runner/exec', 'operators/sources', 'operators/sinks')
    return sorted(path for folder in folders for path in (ROOT / folder).rglob('*.cc'))


def tidy_faults(build, path):
    run = subprocess.run(['clang-tidy-19', '-p', str(build), '--quiet', str(path)], cwd=ROOT, capture_output=True, text=True)
    return run.stdout.splitlines() if run.returncode else []


def format_faults():
    files = [str(path) for top in ('runner', 'operators', 'tests') for path in sorted((ROOT / top).rglob('*'))
             if path.suffix in ('.cc', '.h')]
    run = subprocess.run(['clang-format-19', '--dry-run', '-Werror', *files], cwd=ROOT, capture_output=True, text=True)
    return [line for line in run.stderr.splitlines() if 'error:' in line]
