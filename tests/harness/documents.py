"""What the README says is what happens, and the benchmark measures what it says."""
import os
import re
import subprocess
import tempfile
from pathlib import Path

from harness.cases import ROOT


def run(command, folder, program):
    (folder / 'build').mkdir(exist_ok=True)
    link = folder / 'build' / 'streamrun'
    if not link.exists():
        link.symlink_to(program)
    done = subprocess.run(['bash', '-c', command], cwd=folder, capture_output=True, text=True, env={**os.environ})
    return done.stdout + done.stderr


def readme(program):
    """The first pipeline, and the commands below it with what they print."""
    text = (ROOT / 'README.md').read_text(encoding='utf-8')
    pipeline = re.search(r'```yaml\n# (\S+)\n(.*?)```', text, re.S)
    steps = re.findall(r'^    \$ (.*)\n((?:^    (?!\$ ).*\n)*)', text[pipeline.end():], re.M)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / pipeline[1]).write_text(f'# {pipeline[1]}\n{pipeline[2]}', encoding='utf-8')
        for command, expected in steps:
            expected = re.sub(r'^    ', '', expected, flags=re.M)
            got = run(command, folder, program)
            found.append((f'README: {command}', None if got == expected else f'says\n{expected}\nis\n{got}'))
    return found or [('README', 'shows no command')]


def benchmark(program):
    """Every workload, on a little data."""
    bench = str(ROOT / 'tools' / 'bench')
    with tempfile.TemporaryDirectory() as folder:
        def measure(*more):
            return subprocess.run([bench, '--records', '2000', '--runs', '1', '--data', folder, '--streamrun', program, *more],
                                  capture_output=True, text=True)

        files, kafka = measure('--against', 'cat *.jsonl > /dev/null || true'), measure('kafka', '--seconds', '1')
        checkpoint = measure('checkpoint', '--seconds', '1')
        shown = files.stdout + kafka.stdout + checkpoint.stdout
        found = []
        for path in sorted((ROOT / 'tools' / 'workloads').glob('*.yaml')):
            if path.name.startswith('make_'):
                continue
            line = re.search(rf'^{path.stem} .* (M records/s +cpu .* s +peak \d+ MiB|99 % \d+ .*ms|\d+ us of a processor)', shown, re.M)
            found.append((f'tools/bench {path.stem}', None if line else shown + files.stderr + kafka.stderr + checkpoint.stderr))
        for done, ratios in ((files, 9), (kafka, 2), (checkpoint, 2)):
            given = done.stdout.count('times as fast')
            good = done.returncode == 0 and given == ratios
            found.append((f'tools/bench {" ".join(done.args[9:])}',
                          None if good else f'ended with {done.returncode}, {given} ratios\n{done.stdout}{done.stderr}'))
    return found
