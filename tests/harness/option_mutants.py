"""Every option of the catalog, misspelt, of a wrong type and past its bounds, is refused at its place and by its name.

The pipelines are those of the cases that run: each has one option changed.
"""
import re
import subprocess
import tempfile
from pathlib import Path

import yaml

from harness import catalog
from harness.cases import CASES

# No option takes it.
WRONG = '{x: [[]]}'
ERROR = re.compile(r'^(\d+)\.yaml:(\d+):(\d+): error\[([a-z-]+)\]: (.*)$', re.M)


def bounds(program):
    """{(kind, name, option): (least, most)} of integers; None: it has none."""
    found = {}
    for definition, form in catalog.schema(program)['definitions'].items():
        kind, _, name = definition.partition('_')
        for one in form.get('anyOf', [form]):
            for option, shape in one.get('properties', {}).items() if kind in catalog.KINDS and name else ():
                for number in (form for form in shape.get('anyOf', [shape]) if form.get('type') == 'integer'):
                    found[catalog.KINDS[kind], name, option] = (number.get('minimum'), number.get('maximum'))
    return found


def nodes(root, entries):
    """((kind, name, option), key node, value node) of every use of an option in a pipeline."""
    for kind, name, _, node in catalog.used(root, entries):
        for option, key, value in catalog.parts(node):
            if option in entries[kind, name]:
                yield (kind, name, option), key, value


def misspelt(word):
    return word[:-1] + word[-1] * 2 if word[-1] != word[-2:-1] else word + 'x'


def changes(what, key, value, limits):
    """(kind of change, begin, end, text in its place, place of the error, code or None, part of the message)."""
    option = what[2]
    begin, end = key.start_mark.index, key.start_mark.index + len(option)
    yield 'misspelt', begin, end, misspelt(option), key.start_mark, 'unknown-key', misspelt(option)
    begin, end = value.start_mark.index, value.end_mark.index
    yield 'of a wrong type', begin, end, WRONG, value.start_mark, None, ''
    least, most = limits.get(what, (None, None))
    for bound in ([least - 1] if least is not None else []) + ([most + 1] if most is not None else []):
        yield f'{bound}', begin, end, f'{bound}', value.start_mark, 'out-of-range', f"'{option}'"


def plain(key, value):
    """Both stand in one line, as they are written."""
    return key.style is None and value.start_mark.line == value.end_mark.line


def faults(program):
    entries, limits = catalog.entries(program), bounds(program)
    tried, mutants = {}, []
    for path in sorted(CASES.glob('run/*.yaml')):
        case = yaml.safe_load(path.read_text(encoding='utf-8'))
        text = case['pipeline']
        try:
            found = list(nodes(yaml.compose(text), entries))
        except yaml.YAMLError:
            continue
        for what, key, value in found:
            if what in tried or not plain(key, value):
                continue
            tried[what] = path
            for change, begin, end, new, place, code, part in changes(what, key, value, limits):
                mutants.append((what, change, text[:begin] + new + text[end:], place, code, part))
    names = [' '.join(what) for what in sorted({(*entry, option) for entry, own in entries.items() for option in own})
             if what not in tried]
    missing = [f'{name}: stands in no case in a form that can be changed' for name in names]
    with tempfile.TemporaryDirectory() as folder:
        for n, mutant in enumerate(mutants):
            (Path(folder) / f'{n}.yaml').write_text(mutant[2], encoding='utf-8')
        run = subprocess.run([program, 'validate', *(f'{n}.yaml' for n in range(len(mutants)))], cwd=folder,
                             capture_output=True, text=True)
    said = {}
    for n, line, column, code, message in ERROR.findall(run.stderr):
        said.setdefault(int(n), []).append((int(line), int(column), code, message))
    return missing + [f"{' '.join(what)} {change}: {said.get(n, 'taken')}\n{text}"
                      for n, (what, change, text, place, code, part) in enumerate(mutants)
                      if not any(line == place.line + 1 and place.column < column <= place.column + 1 + len(WRONG)
                                 and code in (None, got) and part in message
                                 for line, column, got, message in said.get(n, []))]
