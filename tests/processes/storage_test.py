"""Files of the real program where the disk is full for a while, the program is killed, or there are more files than
descriptors."""
import gzip
import json
import os
import resource
import shutil
import signal
import tempfile
from pathlib import Path

from processes.process import ProcessTest


def pipeline(output, rows, columns='n: _n, k: _n % 3000', top=''):
    return f"""
batch_interval: 1s
{top}
sources: {{s: {{generate: {{total: {rows}, columns: {{{columns}}}}}}}}}
outputs: [{{name: o, from: s, {output}}}]
"""


def text_of(path):
    with (gzip.open if path.suffix == '.gz' else open)(path, 'rt') as file:
        return file.read()


class FullDisk(ProcessTest):
    def run_until_there_is_room(self, output, top=''):
        """Files end at 64 KiB until the program has said so. What went to standard output."""
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        with tempfile.TemporaryFile('w+') as out:
            run = self.start(pipeline(output + ', retry: {times: 1000, backoff: 100ms}', 20000, top=top), stdout=out,
                             before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (65536, hard)))
            self.assertRegex(run.process.stderr.readline().decode(),
                             "^warning: output 'o': cannot write .*: File too large(;.*)?; trying again in 100ms\n$")
            resource.prlimit(run.process.pid, resource.RLIMIT_FSIZE, (hard, hard))
            self.assertEqual(run.end(read=False)[0], 0)
            out.seek(0)
            return run.folder, out.read()

    def check_rows(self, text):
        self.assertEqual([json.loads(line)['n'] for line in text.splitlines()], list(range(20000)))

    def test_files(self):
        for name in ('all.jsonl', '{batch}.jsonl'):
            with self.subTest(name):
                folder, _ = self.run_until_there_is_room(f'file: {{path: "{name}"}}')
                self.check_rows(''.join(text_of(path) for path in folder.glob('*.jsonl')))
                self.assertEqual([path for path in folder.iterdir() if path.suffix not in ('.jsonl', '.yaml')], [])

    def test_standard_output(self):
        self.check_rows(self.run_until_there_is_room('stdout: {}')[1])

    def test_print(self):
        lines = self.run_until_there_is_room('print: {rows: 100000}')[1].splitlines()
        self.assertEqual([int(line[1:].split(',')[0]) for line in lines if line.startswith('(')], list(range(20000)))

    def test_spool(self):
        _, out = self.run_until_there_is_room('stdout: {}', top='memory: 1MiB\nspool: {path: .}')
        self.check_rows(out)


class Killed(ProcessTest):
    def test_growing_file(self):
        for name in ('all.jsonl', 'all.jsonl.gz'):
            with self.subTest(name):
                output = f'file: {{path: {name}, compression: {"gzip" if name.endswith(".gz") else "none"}}}'
                first = self.start(pipeline(output, 10))
                self.assertEqual(first.end()[0], 0)
                path = first.folder / name
                before = text_of(path)
                size = path.stat().st_size
                # One batch without an end.
                run = self.start(pipeline(output, 10**12), folder=first.folder)
                while path.stat().st_size <= size:
                    self.assertIsNone(os.waitid(os.P_PID, run.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT))
                    os.sched_yield()
                run.send(signal.SIGKILL)
                run.end()
                self.assertGreater(path.stat().st_size, size)
                self.assertEqual(self.start(pipeline(output, 10), folder=first.folder).end()[0], 0)
                self.assertEqual(text_of(path), before + before)
                self.assertEqual({entry.name for entry in first.folder.iterdir()}, {name, 'case.yaml'})


class ManyFiles(ProcessTest):
    def test_more_keys_than_descriptors(self):
        for name, more in {'out/{k}/x.txt': '', 'out/{k}/x.gz': ', compression: gzip', 'out/{k}/{batch}.txt': ''}.items():
            with self.subTest(name):
                # In memory: each file is synced.
                folder = Path(tempfile.mkdtemp(dir='/dev/shm'))
                self.addCleanup(shutil.rmtree, folder, True)
                run = self.start(pipeline(f'file: {{path: "{name}"{more}}}', 9000), folder=folder,
                                 before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)))
                code, _, error, _ = run.end()
                self.assertEqual((code, error), (0, ''))
                for k in range(3000):
                    rows = [json.loads(line) for path in (run.folder / f'out/{k}').iterdir()
                            for line in text_of(path).splitlines()]
                    self.assertEqual(rows, [{'n': n, 'k': k} for n in (k, k + 3000, k + 6000)])


class WhatIsRead(ProcessTest):
    PIPELINE = """
batch_interval: 50ms
sources: {s: {%s, format: json, schema: {k: string}, on_error: route}}
outputs:
  - {name: o, from: s, file: {path: "{k}.jsonl"}}
  - {name: e, from: s.errors, stdout: {}, columns: [error]}
"""
    ROWS = '{"k":"x"}\n{"k":"y"}\n'

    def test_a_followed_file_does_not_get_its_own_rows(self):
        run = self.start(self.PIPELINE % 'file: {path: x.jsonl, follow: true}', files={'x.jsonl': self.ROWS})
        self.assertIn("'x.jsonl' is a file that source 's' reads", run.line())
        with open(run.folder / 'x.jsonl', 'a', encoding='utf-8') as source:
            source.write(self.ROWS)
        self.assertIn("'x.jsonl' is a file that source 's' reads", run.line())
        run.send()
        code, out, error, _ = run.end()
        self.assertEqual((code, out, error), (0, '', ''))
        self.assertEqual((run.folder / 'x.jsonl').read_text(), 2 * self.ROWS)
        self.assertEqual((run.folder / 'y.jsonl').read_text(), 2 * '{"k":"y"}\n')

    def test_a_file_behind_standard_input_is_read_too(self):
        def redirect():
            os.dup2(os.open('x.jsonl', os.O_RDONLY), 0)
        run = self.start(self.PIPELINE % 'stdin: {}', files={'x.jsonl': self.ROWS}, before=redirect)
        code, out, error, _ = run.end()
        self.assertEqual((code, error), (0, ''))
        self.assertIn("'x.jsonl' is a file that source 's' reads", out)
        self.assertEqual((run.folder / 'x.jsonl').read_text(), self.ROWS)
