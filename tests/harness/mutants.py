"""Pipelines that are nearly right, the same ones in every run: each is taken or refused, at a place that it has."""
import random
import re
import subprocess
import tempfile
from pathlib import Path

import yaml

from harness.cases import CASES

FILES, BATCH = 1500, 100
PIECES = ['{', '}', '[', ']', ': ', ' #', '- ', '&a ', '*a', '|\n', '>\n', '"', "'", '!', '%', '@', '`', ',', '\t', '\n', '  ',
          '${X}', '${X:-', '$$', 'null', '~', '-1', '1e400', '0x10', '2024-01-01', '\u00fc', '\x01', '---\n', '? ', '<<: ', 'x' * 300]
DIAGNOSTIC = re.compile(r'^(\d+\.yaml):(\d+):(\d+): (?:error|warning)\[[a-z0-9-]+\]: .', re.M)


def corpus():
    texts = [yaml.safe_load(path.read_text(encoding='utf-8'))['pipeline'] for path in sorted(CASES.glob('*/*.yaml'))]
    return [text for text in texts if text]


def change(text, texts, rng):
    at = rng.randrange(len(text) + 1)
    end = min(len(text), at + rng.randrange(20))
    lines = text.splitlines(keepends=True) or ['']
    other = rng.choice(texts)
    row = rng.randrange(len(lines))
    return rng.choice([
        lambda: text[:at] + rng.choice(PIECES) + text[at:],
        lambda: text[:at] + rng.choice(PIECES) + text[end:],
        lambda: text[:at] + text[end:],
        lambda: text[:at] + text[at:end] + text[at:],
        lambda: text[:at] + other[rng.randrange(len(other)):],
        lambda: ''.join(lines[:row] + [rng.choice(other.splitlines(keepends=True))] + lines[row:]),
        lambda: ''.join(lines[:row] + [' ' * rng.randrange(9) + lines[row].lstrip(' ')] + lines[row + 1:]),
        lambda: re.sub(r'\w+', lambda word: rng.choice(re.findall(r'\w+', other) or ['x']) if rng.random() < 0.05 else word[0], text),
    ])()


def faults_of(run, texts):
    """What the program did wrong with these files, by name."""
    if run.returncode not in (0, 2):
        return [f'it ended with {run.returncode}: {run.stderr[-1000:]}']
    places = DIAGNOSTIC.findall(run.stderr)
    faults = [f'{name}:{line}:{column} is no place of it' for name, line, column in places
              if not 1 <= int(line) <= len(texts[name].split('\n')) + 1
              or int(column) > max(map(len, texts[name].split('\n'))) + 2]
    answered = {name for name, *_ in places} | set(re.findall(r'^(\d+\.yaml): ok', run.stdout, re.M))
    return faults + [f'{name}: neither ok nor refused' for name in texts if name not in answered]


def faults(program):
    rng, texts, found = random.Random(7), corpus(), []
    with tempfile.TemporaryDirectory() as folder:
        def validate(files):
            return faults_of(subprocess.run([program, 'validate', *files], cwd=folder, capture_output=True, timeout=120,
                                            text=True, errors='replace'), files)
        for first in range(0, FILES, BATCH):
            files = {}
            for n in range(first, first + BATCH):
                text = rng.choice(texts)
                for _ in range(rng.randrange(1, 4)):
                    text = change(text, texts, rng)
                files[f'{n}.yaml'] = text
                (Path(folder) / f'{n}.yaml').write_text(text, encoding='utf-8', newline='')
            if validate(files):
                found += [f'{fault}\n{text}' for name, text in files.items() for fault in validate({name: text})]
    return found[:5]
