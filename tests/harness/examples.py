"""The example on the help page of every source, step, output and format compiles."""
import re
import subprocess
import tempfile
from pathlib import Path
from textwrap import dedent, indent

from harness import catalog

# What the examples of steps read.
ROWS = '{a: int, b: string, account: string, amount: double, value: string, word: string}'
OTHER = {'union': ROWS, 'cogroup': '{account: string, mean: double}'}
KEYED = '{key: string}'
FRAGMENTS = 'fragments: {large: [filter: amount > 1000]}\n'
OUTPUT = '- {name: out, from: in, discard: {}}'


def pipeline(kind, name, example):
    """As text: a YAML library of its own would read the example otherwise than the program."""
    source, output, streams = f'queue: {{batches: []}}\nschema: {ROWS}', OUTPUT, ''
    if kind in ('sources', 'formats'):
        source = example
    elif kind == 'outputs':
        output = f'- {example}'
    else:
        output = OUTPUT.replace('in', 'made')
        streams = (f'  other: {{queue: {{batches: []}}, schema: {OTHER.get(name, KEYED)}}}\n'
                   f'{FRAGMENTS if name == "use" else ""}streams:\n  made:\n    from: in\n    steps:\n      - {example}\n')
    return (f'batch_interval: 1s\nsources:\n  in:\n{indent(source, "    ")}\n{streams}'
            f'outputs:\n{indent(output, "  ")}\n')


def faults(program):
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for kind, name in catalog.entries(program):
            page = subprocess.run([program, 'help', kind, name], capture_output=True, text=True).stdout
            example = re.search(r'^Example\n((?:  .*\n)+)', page, re.M)
            if example is None:
                found.append(f'{kind} {name}: its page has no example')
                continue
            text = pipeline(kind, name, dedent(example[1]).strip())
            (Path(folder) / 'p.yaml').write_text(text, encoding='utf-8')
            done = subprocess.run([program, 'validate', '--allow-exec', 'p.yaml'], cwd=folder, capture_output=True,
                                  text=True)
            if done.returncode != 0:
                found.append(f'{kind} {name}:\n{text}{done.stdout}{done.stderr}')
    return found
