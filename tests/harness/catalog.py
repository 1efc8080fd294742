"""Every entry of the catalog, and every option of it, has a case that runs and a case that is refused.

The entries are those of the program's own schema. An option is refused where a diagnostic points into it, or,
where the option is left out, at its entry.
"""
import json
import re
import subprocess

import yaml

from harness.cases import CASES

KINDS = {'source': 'sources', 'step': 'steps', 'output': 'outputs'}


def schema(program):
    """The JSON Schema of a pipeline, as the program prints it."""
    return json.loads(subprocess.run([program, 'schema'], capture_output=True, check=True).stdout)


def format_options(source, formats):
    """(name, [option…]) of each format: its rule forbids those of all others."""
    forbidden = {}
    for rule in source['allOf']:
        if (name := rule['if'].get('properties', {}).get('format', {}).get('const')) is not None:
            forbidden[name] = [key for key, form in rule['then'].get('properties', {}).items() if form is False]
    every = {key for keys in forbidden.values() for key in keys}
    return [(name, sorted(every - set(forbidden[name]))) for name in formats]


def entries(program):
    """{(kind, name): [option…]}; an option that is the whole of its entry's value has no name."""
    definitions = schema(program)['definitions']
    formats = next(form['enum'] for form in definitions['table']['properties']['format']['anyOf'] if 'enum' in form)
    found = {('formats', name): own for name, own in format_options(definitions['source'], formats)}
    for definition, form in definitions.items():
        kind, _, name = definition.partition('_')
        if kind in KINDS and name:
            forms = form.get('anyOf', [form])
            options = [option for one in forms for option in one.get('properties', [])]
            # Those of formats are their own.
            beside = {option for (_, format), own in found.items() if 'format' in options and format in formats for option in own}
            found[KINDS[kind], name] = [option for option in options if option not in beside]
    return found


def parts(node):
    """(key, key node, value node) of a mapping; of anything else none."""
    return [(k.value, k, v) for k, v in node.value] if isinstance(node, yaml.MappingNode) else []


def value(node, key):
    return next((v for k, _, v in parts(node) if k == key), None)


def used(root, catalog):
    """(kind, name, first mark, node) of every use of an entry in a pipeline; its options stand in the node."""
    def named(kind, node):
        for key, k, v in parts(node):
            if (kind, key) in catalog:
                yield kind, key, k.start_mark, v
        form = value(node, 'format')
        if isinstance(form, yaml.ScalarNode) and ('formats', form.value) in catalog:
            yield 'formats', form.value, node.start_mark, node

    for section in ('sources', 'tables'):
        for _, _, source in parts(value(root, section)):
            yield from named('sources', source)
    for _, _, stream in parts(value(root, 'streams')):
        steps = value(stream, 'steps')
        for step in steps.value if isinstance(steps, yaml.SequenceNode) else []:
            if isinstance(step, yaml.ScalarNode) and ('steps', step.value) in catalog:
                yield 'steps', step.value, step.start_mark, step
            yield from named('steps', step)
    outputs = value(root, 'outputs')
    for output in outputs.value if isinstance(outputs, yaml.SequenceNode) else []:
        yield from named('outputs', output)


def uses(root, catalog):
    """((kind, name, option or ''), first, last) of every use in a pipeline; places are (line, column) from 1."""
    def place(mark):
        return mark.line + 1, mark.column + 1

    for kind, name, first, node in used(root, catalog):
        yield (kind, name, ''), place(first), place(node.end_mark)
        for option, k, v in parts(node):
            if option in catalog[kind, name]:
                yield (kind, name, option), place(k.start_mark), place(v.end_mark)


def faults(program):
    """What of the catalog has no case."""
    catalog = entries(program)
    run, refused = set(), set()
    for kind, covered in (('run', run), ('diagnostics', refused)):
        for path in CASES.glob(f'{kind}/*.yaml'):
            case = yaml.safe_load(path.read_text(encoding='utf-8'))
            errors = [(int(line), int(column)) for line, column in
                      re.findall(r'^case\.yaml:(\d+):(\d+): error', case.get('stderr', ''), re.M)]
            try:
                root = yaml.compose(case['pipeline'])
            except yaml.YAMLError:
                continue
            covered |= {what for what, first, last in uses(root, catalog)
                        if kind == 'run' or any(first <= error <= last for error in errors)}
    wanted = {(kind, name, option) for (kind, name), options in catalog.items() for option in ['', *options]}
    return [f"{' '.join(what)}: no case in tests/cases/{kind}" for kind, covered in (('run', run), ('diagnostics', refused))
            for what in sorted(wanted - covered)]
