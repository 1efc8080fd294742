"""The JSON Schema of a pipeline is current, and an outside validator finds it right: it takes what the program takes,
and refuses what is wrong by its form alone."""
import copy
import json
import re
import subprocess
import tempfile
from pathlib import Path

import jsonschema
import yaml

from harness.cases import CASES, ROOT
from harness.catalog import KINDS, schema

FILE = ROOT / 'schemas/pipeline.schema.json'
# Diagnostics of a form, which no name, type of a column or file decides.
OF_FORM = {'unknown-key', 'wrong-type', 'bad-duration', 'bad-size', 'unknown-value', 'unknown-step', 'unknown-format',
           'format-not-taken', 'bad-name', 'two-kinds', 'missing-kind', 'bad-step'}
WRONG = {'no such': [[{}]]}  # in place of any option


class Loader(yaml.SafeLoader):
    """YAML 1.2's core schema, as editors read it: `on` is a text, 2024-05-06 too."""


Loader.yaml_implicit_resolvers = {}
for tag, pattern, first in (('bool', r'true|True|TRUE|false|False|FALSE', 'tTfF'),
                            ('null', r'~|null|Null|NULL|', ['~', 'n', 'N', '']),
                            ('int', r'[-+]?[0-9]+', '-+0123456789'),
                            ('float', r'[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?', '-+.0123456789')):
    Loader.add_implicit_resolver(f'tag:yaml.org,2002:{tag}', re.compile(f'^(?:{pattern})$'), list(first))
Loader.add_constructor('tag:yaml.org,2002:int', lambda loader, node: int(node.value))


def pipelines(kind):
    """(name, pipeline, case) of the cases of a kind."""
    for path in sorted((CASES / kind).glob('*.yaml')):
        case = yaml.safe_load(path.read_text(encoding='utf-8'))
        try:
            yield path.name, yaml.load(case['pipeline'], Loader), case
        except yaml.YAMLError:
            continue


def uses(pipeline):
    """(kind, mapping that holds the entry, its key) of everything of the catalog that a pipeline uses."""
    for mapping in [*pipeline.get('sources', {}).values(), *pipeline.get('tables', {}).values()]:
        yield from (('source', mapping, key) for key in mapping)
    for stream in pipeline.get('streams', {}).values():
        for step in stream.get('steps', []):
            if isinstance(step, dict):
                yield from (('step', step, key) for key in step)
    for output in pipeline.get('outputs', []):
        yield from (('output', output, key) for key in output)


def bounds(form):
    """Values just outside the bounds of a whole number."""
    for one in form.get('anyOf', [form]):
        if one.get('type') == 'integer':
            yield from ([one['minimum'] - 1] if 'minimum' in one else [])
            yield from ([one['maximum'] + 1] if one.get('maximum', 2 ** 63) < 2 ** 31 else [])


def mutations(form):
    """(what is wrong, function that spoils the arguments) for the form of an entry's arguments."""
    yield 'a value of a wrong type', lambda mapping, key: mapping.__setitem__(key, WRONG)
    for one in form.get('anyOf', [form]):
        for option, shape in one.get('properties', {}).items():
            for value in (WRONG, *bounds(shape)):
                yield f'{option}: {value}', lambda mapping, key, o=option, v=value: mapping[key].__setitem__(o, v)
        for option in one.get('required', []):
            yield f'no {option}', lambda mapping, key, o=option: mapping[key].pop(o)
        for choice in one.get('allOf', []):
            # Others are what a format asks for.
            names = [name for form in choice.get('oneOf', []) for name in form['required']]
            if not names:
                continue
            yield f'none of {names}', lambda mapping, key, n=names: [mapping[key].pop(name, None) for name in n]
        if one.get('additionalProperties') is False:
            yield 'an unknown key', lambda mapping, key: mapping[key].__setitem__('no_such_key', 1)


def spoiled(definitions):
    """(name, pipeline) with one fault each, for every entry of the catalog."""
    left = {name for name in definitions if name.partition('_')[0] in KINDS and '_' in name}
    for case_name, pipeline, _ in pipelines('run'):
        for at, (kind, mapping, key) in enumerate(uses(pipeline)):
            name = f'{kind}_{key}'
            if name not in left or not isinstance(mapping[key], dict):
                continue
            left.remove(name)
            for what, spoil in mutations(definitions[name]):
                changed = copy.deepcopy(pipeline)
                _, its_mapping, its_key = list(uses(changed))[at]
                try:
                    spoil(its_mapping, its_key)
                except KeyError:
                    continue
                yield f'{case_name}: {name} with {what}', changed
    for name in sorted(left):
        for case_name, pipeline, _ in pipelines('run'):
            found = [(m, k) for kind, m, k in uses(pipeline) if f'{kind}_{k}' == name]
            if found:
                found[0][0][found[0][1]] = WRONG
                yield f'{case_name}: {name} with a value of a wrong type', pipeline
                break


def exit_code(program, pipeline):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / 'case.yaml').write_text(yaml.safe_dump(pipeline, sort_keys=False), encoding='utf-8')
        return subprocess.run([program, 'validate', 'case.yaml', '--allow-exec'], cwd=folder, capture_output=True).returncode


def faults(program):
    printed = schema(program)
    found = [] if json.loads(FILE.read_text(encoding='utf-8')) == printed else [
        f'{FILE.name} is not what the program prints; run: streamrun schema > schemas/{FILE.name}']
    jsonschema.Draft7Validator.check_schema(printed)
    validator = jsonschema.Draft7Validator(printed)
    for path in sorted((ROOT / 'pipelines').rglob('*.yaml')):
        found += [f'{path.name}: refused: {e.message}' for e in validator.iter_errors(yaml.load(path.read_text(), Loader))]
    for kind in ('run', 'errors', 'explain'):
        for name, pipeline, case in pipelines(kind):
            found += [f'{kind}/{name}: refused: {e.json_path}: {e.message}' for e in validator.iter_errors(pipeline)
                      if case.get('exit', 0) != 2]
    for name, pipeline, case in pipelines('diagnostics'):
        codes = set(re.findall(r'^case\.yaml:\d+:\d+: error\[([a-z-]+)\]', case.get('stderr', ''), re.M))
        if codes and codes <= OF_FORM and validator.is_valid(pipeline):
            found.append(f'diagnostics/{name}: taken, although {sorted(codes)}')
    for name, pipeline in spoiled(printed['definitions']):
        if validator.is_valid(pipeline):
            found.append(f'{name}: taken by the schema')
        if exit_code(program, pipeline) != 2:
            found.append(f'{name}: taken by the program')
    return found
