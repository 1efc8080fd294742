"""Pipelines that nobody means well with, too large or too odd for a case file: each is refused with exit code 2,
at a place, in little memory. One that hangs ends the test run."""
import os
import re
import subprocess
import tempfile
from functools import cache
from pathlib import Path

MEMORY = 256 << 20
HEAD = 'batch_interval: 1s\nsources: {s: {queue: {batches: [[1]]}}}\noutputs: [{name: o, from: s, print: {}}]\n'


def bomb(levels, width):
    text = f'a0: &a0 [{", ".join(["x"] * width)}]\n'
    for level in range(1, levels):
        text += f'a{level}: &a{level} [{", ".join([f"*a{level - 1}"] * width)}]\n'
    return text


def chain(length, link, last='s0'):
    """Streams of a step each, and what each of them reads."""
    streams = ''.join(f'  s{i}:\n    from: {link(i)}\n    steps: [count]\n' for i in range(length))
    return f'batch_interval: 1s\nsources:\n  s: {{queue: {{batches: [[1]]}}}}\nstreams:\n{streams}' \
           f'outputs: [{{name: o, from: {last}, print: {{}}}}]\n'


def expression(text):
    return HEAD + f"streams:\n  r: {{from: s, steps: [{{filter: '{text}'}}]}}\n"


def fragments(count, width):
    """Each uses the next, `width` times."""
    return HEAD + 'fragments:\n' + ''.join(f'  f{i}: [{", ".join([f"use: f{i + 1}"] * width)}]\n' for i in range(count)) + \
        f'  f{count}: [count]\n'


# Name, files by their names (the first is validated), place and code.
INCLUDES = [
    ('files that include one another', {
        'f.yaml': 'include: [1.yaml]\n' + HEAD,
        **{f'{i}.yaml': f'include: [{i + 1}.yaml]\n' for i in range(1, 200)}}, '99.yaml:1:11', 'too-many'),
    ('much text in all', {
        'f.yaml': 'include: [a.yaml, b.yaml]\n' + HEAD,
        **{f'{name}.yaml': '#' * 600_000 + '\nparams: {}\n' for name in 'ab'}}, '1:19', 'too-large'),
    ('many nodes in all', {
        'f.yaml': 'include: [a.yaml, b.yaml]\n' + HEAD,
        **{f'{name}.yaml': f'params: {{{name}: {{type: "array<int>", default: [' + '1, ' * 60_000 + '1]}}\n' for name in 'ab'}}, None, 'too-many-nodes'),
    ('an endless device', {'f.yaml': 'include: [/dev/zero]\n' + HEAD}, '1:11', 'not-a-file'),
    ('bad UTF-8', {'f.yaml': 'include: [a.yaml]\n' + HEAD, 'a.yaml': b'# \xff\n'}, 'a.yaml:1:3', 'bad-utf8'),
]

# Name, content (text, bytes or parts that are written one after the other), place and code.
FILES = [
    ('empty', '', '1:1', 'empty-file'),
    ('blanks', '\n \n# note\n', '1:1', 'empty-file'),
    ('list', '- a\n', '1:1', 'wrong-type'),
    ('scalar', 'a', '1:1', 'wrong-type'),
    ('two documents', HEAD + '---\n' + HEAD, '4:1', 'second-document'),
    ('key twice', HEAD + 'batch_interval: 2s\n', '4:1', 'duplicate-key'),
    ('unknown key', HEAD + 'colour: red\n', '4:1', 'unknown-key'),
    ('wrong type', HEAD + 'partitions: [8]\n', '4:13', 'wrong-type'),
    ('alias cycle', HEAD + 'params: &x [*x]\n', '4:13', 'alias-cycle'),
    ('alias bomb', bomb(9, 9), '6:10', 'too-many-nodes'),
    ('alias bomb of text', f'a: &x {"x" * 300_000}\nb: [*x, *x, *x, *x]\n', '2:13', 'too-large'),
    ('open brackets', 'a: ' + '[' * 10_000, '1:4', 'yaml-syntax'),
    ('flow depth', 'a: ' + '[' * 10_000 + ']' * 10_000, '1:103', 'too-deep'),
    ('map depth', 'a: ' + '{a: ' * 10_000, '1:397', 'too-deep'),
    ('block depth', '- ' * 10_000 + 'x\n', '1:201', 'too-deep'),
    ('a million brackets', 'a: ' + '[' * 1_000_000, '1:10004', 'too-many-nodes'),
    ('long scalar', (b'name: ' + b'x' * 1_000_000, *[b'x' * 1_000_000] * 199), '1:1', 'too-large'),
    ('bad UTF-8', b'name: \xff\xfe\n', '1:7', 'bad-utf8'),
    ('overlong UTF-8', b'name: \xc0\x80\n', '1:7', 'bad-utf8'),
    ('surrogate', b'name: \xed\xa0\x80\n', '1:7', 'bad-utf8'),
    ('UTF-16', HEAD.encode('utf-16'), '1:1', 'bad-utf8'),
    ('UTF-16 without a mark', HEAD.encode('utf-16-be'), '1:1', 'bad-utf8'),
    ('UTF-32', HEAD.encode('utf-32'), '1:1', 'bad-utf8'),
    ('byte order mark', b'\xef\xbb\xbfcolour: red\n', '1:1', 'unknown-key'),
    ('NUL', b'name: a\0b\n', '1:8', 'control-character'),
    ('control byte', b'name: a\x04b\n', '1:8', 'control-character'),
    ('escape of a terminal', b'name: \x1b[2J\n', '1:7', 'control-character'),
    ('open single quote', "name: 'abc\npartitions: 8\n", '1:7', 'yaml-syntax'),
    ('open double quote', 'name: "abc', '1:7', 'yaml-syntax'),
    ('comma', ',', '1:1', 'yaml-syntax'),
    ('comma and line end', ',\n', '1:1', 'yaml-syntax'),
    ('commas', ',\n' * 500_000, '1:1', 'yaml-syntax'),
    ('tab', 'sources:\n\ts: {}\n', '2:1', 'yaml-syntax'),
    ('octal', HEAD + 'partitions: 010\n', '4:13', 'wrong-type'),
    ('huge exponent', HEAD + 'partitions: 1e400\n', '4:13', 'wrong-type'),
    ('negative', HEAD + 'partitions: -1\n', '4:13', 'out-of-range'),
    ('not a number', HEAD + 'partitions: .nan\n', '4:13', 'wrong-type'),
    ('20 digits', HEAD + 'partitions: 12345678901234567890\n', '4:13', 'out-of-range'),
    ('huge duration', HEAD.replace('1s', '99999999999999999999h'), '1:17', 'bad-duration'),
    ('no duration', HEAD.replace('1s', '0s'), '1:17', 'bad-duration'),
    ('negative duration', HEAD.replace('1s', '-1s'), '1:17', 'bad-duration'),
    ('merge key', HEAD + '<<: {a: 1}\n', '4:1', 'merge-key'),
    ('tag', HEAD + 'name: !!python/object x\n', '4:7', 'tag'),
    ('dangling alias', 'name: *nobody\n', '1:7', 'unknown-alias'),
    ('many unknown keys', ''.join(f'k{i}: 1\n' for i in range(40_000)), '1:1', 'unknown-key'),
    ('many unknown streams', chain(1000, lambda i: f't{i}'), '6:11', 'unknown-stream'),
    ('too many streams', chain(3000, lambda i: 's'), '3005:3', 'too-many'),
    ('a cycle of streams', chain(1000, lambda i: f's{(i + 1) % 1000}'), '3003:11', 'cycle'),
    ('streams that wait for one another', chain(1000, lambda i: f's{i + 1}' if i < 999 else 's'), None, 'too-deep'),
    ('streams one behind the other', chain(1000, lambda i: f's{i - 1}' if i else 's', 's999'), None, 'too-deep'),
    ('too many steps', HEAD + 'streams:\n  r:\n    from: s\n    steps:\n' + '    - filter: value > 0\n' * 20_000, '1007:7',
     'too-deep'),
    ('fragments that multiply', fragments(9, 9), None, 'too-many'),
    ('fragments within one another', fragments(900, 1), None, 'too-deep'),
    ('params that name those below', HEAD + 'params:\n' + ''.join(
        f'  p{i}: {{type: string, default: "${{p{i + 1}}}"}}\n' for i in range(900)), None, 'bad-variable'),
    ('deep expression', expression('(' * 100_000 + '1' + ')' * 100_000), None, ''),
    ('long expression', expression('value > 0' + ' and value > 0' * 60_000), None, ''),
    ('signs', expression('- ' * 200_000 + '1 > 0'), None, ''),
    ('catastrophic pattern', expression('value rlike "((a{1000}){1000}){1000}"'), None, ''),
    ('huge number', expression('value > 1' + '0' * 500_000), None, ''),
]


@cache
def sanitized(program):
    """Sanitizers take memory of their own."""
    return re.search(rb'__[at]san_init', Path(program).read_bytes()) is not None


def refusal(program, path, place, code):
    """Why the refusal of a file is not as it has to be, or nothing."""
    with tempfile.TemporaryFile() as said:
        run = subprocess.Popen([program, 'validate', str(path)], stdout=subprocess.DEVNULL, stderr=said)
        _, status, usage = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        words = said.read()
    faults = []
    try:
        words.decode()
    except UnicodeDecodeError as fault:
        faults.append(f'what is said is no UTF-8: {fault}')
    first = words.split(b'\n')[0].decode(errors='replace')
    if run.returncode != 2:
        faults.append(f'exit code {run.returncode}, not 2')
    where, _, what = first.removeprefix(f'{path}:').removeprefix(f'{path.parent}/').partition(': error[')
    if not what.startswith(f'{code}]' if code else '') or (place and where != place):
        faults.append(f'not refused at {place} for {code}: {first[:300]}')
    if usage.ru_maxrss << 10 > MEMORY and not sanitized(program):
        faults.append(f'{usage.ru_maxrss >> 10} MiB of memory')
    return '\n'.join(faults)


def check(program):
    """(name, fault or None) of each."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'f.yaml'
        for name, content, place, code in FILES:
            with path.open('wb') as file:
                for part in content if isinstance(content, tuple) else (content,):
                    file.write(part.encode() if isinstance(part, str) else part)
            found.append((f'hostile: {name}', refusal(program, path, place, code) or None))
        for name, files, place, code in INCLUDES:
            for file, content in files.items():
                (Path(folder) / file).write_bytes(content.encode() if isinstance(content, str) else content)
            found.append((f'hostile includes: {name}', refusal(program, Path(folder) / 'f.yaml', place, code) or None))
        fifo = Path(folder) / 'fifo'
        os.mkfifo(fifo)
        for name, path, code in (('a FIFO', fifo, 'not-a-file'), ('a folder', Path(folder), 'not-a-file'),
                                 ('an endless device', Path('/dev/zero'), 'not-a-file'),
                                 ('no file', Path(folder) / 'none', 'unreadable-file')):
            found.append((f'hostile: {name}', refusal(program, path, '1:1', code) or None))
    return found
