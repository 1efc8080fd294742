"""What the system refuses ends the run loudly, and leaves nothing half-written behind."""
import os
import resource
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from processes.process import ProcessTest

ROWS = """
batch_interval: 1s
sources: {s: {generate: {total: 20000, columns: {n: _n, word: "'some word'"}}}}
"""


def small_files():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))


class Faults(ProcessTest):
    def test_standard_output_is_full(self):
        for sink in ('stdout: {}', 'print: {rows: 100000}'):
            with open('/dev/full', 'w', encoding='utf-8') as full:
                run = self.start(ROWS + f'outputs: [{{name: o, from: s, {sink}}}]', stdout=full)
                code, _, error, _ = run.end(read=False)
            self.assertEqual((code, error), (1, "error: output 'o': cannot write 'standard output': "
                                                'No space left on device\n'))

    def test_standard_output_is_a_file_that_is_read(self):
        pipeline = """
batch_interval: 10ms
sources: {{s: {{file: {{path: {path}}}}}}}
outputs: [{{name: o, from: s, {sink}}}]
"""
        for path in ('"{in,own}.txt"', '"*.txt"', '"*.txt", follow: true', 'own.txt, follow: true'):
            for sink in ('stdout: {}', 'print: {}', 'file: {path: out}'):
                with self.subTest(path=path, sink=sink):
                    folder = Path(tempfile.mkdtemp())
                    self.addCleanup(shutil.rmtree, folder, True)
                    with (folder / 'own.txt').open('a', encoding='utf-8') as own:
                        own.write('a\n')
                        own.flush()
                        run = self.start(pipeline.format(path=path, sink=sink), '--available-now', folder=folder,
                                         files={'in.txt': 'b\n'}, stdout=own)
                    code, _, error, _ = run.end(read=False)
                    if sink.startswith('file'):
                        self.assertEqual((code, error), (0, ''))
                    else:
                        self.assertEqual(code, 1)
                        self.assertIn("'own.txt' is the file that standard output goes to", error)
                        self.assertEqual((folder / 'own.txt').read_text(), 'a\n')

    def nobody_reads(self):
        read, write = os.pipe()
        os.close(read)
        self.addCleanup(os.close, write)
        return write

    def test_input_takes_the_place_of_the_output(self):
        run = self.start("""
batch_interval: 50ms
sources: {s: {file: {path: "in*.jsonl", follow: true}, format: json, schema: {n: int}}}
outputs: [{name: o, from: s, file: {path: out.jsonl}}]
""", files={'in1.jsonl': '{"n":1}\n'})
        out, one = run.folder / 'out.jsonl', run.folder / 'in1.jsonl'
        while not out.exists():
            self.assertIsNone(run.process.poll())
        os.link(one, run.folder / 'other')
        os.rename(run.folder / 'other', out)
        with open(one, 'a', encoding='utf-8') as more:
            more.write('{"n":2}\n')
        code, _, error, _ = run.end()
        self.assertEqual(code, 1)
        self.assertIn("'out.jsonl' is a file that source 's' reads", error)
        self.assertEqual(one.read_text(), '{"n":1}\n{"n":2}\n')

    def test_reader_wants_no_more(self):
        for outputs in ('{name: o, from: s, stdout: {}}',
                        '{name: p, from: s, print: {}}, {name: o, from: s, stdout: {}, retry: {times: 3, backoff: 1h}}'):
            run = self.start(ROWS + f'outputs: [{outputs}]', stdout=self.nobody_reads())
            code, _, error, _ = run.end(read=False)
            self.assertEqual((code, error), (0, ''))

    def test_reader_wants_no_more_of_a_long_batch(self):
        """What goes out while the batch is computed."""
        run = self.start(ROWS.replace('20000', '400000') + 'outputs: [{name: o, from: s, stdout: {}}]')
        self.assertEqual(run.line(), '{"n":0,"word":"some word"}\n')
        run.process.stdout.close()
        code, _, error, _ = run.end(read=False)
        self.assertEqual((code, error), (0, ''))

    def test_reader_has_gone_and_a_file_waits(self):
        run = self.start(ROWS + 'outputs: [{name: o, from: s, stdout: {}}, {name: f, from: s, file: {path: all.jsonl}}]',
                         stdout=self.nobody_reads())
        code, _, error, _ = run.end(read=False)
        self.assertEqual(code, 0)
        self.assertIn('warning: the reader of standard output has gone', error)

    def test_nobody_hears_what_is_said(self):
        """What is said changes nothing: 18,000 of 20,000 rows, and 2,000 words about the others."""
        pipeline = """
batch_interval: 10ms
on_error: drop
sources: {s: {generate: {total: 20000, rows_per_second: 100000, columns: {n: _n, v: "1 / (_n % 10)"}}}}
outputs: [{name: o, from: s, file: {path: all.jsonl}}]
"""
        with open('/dev/full', 'w', encoding='utf-8') as full:
            for name, how in {'full': {'stderr': full}, 'nobody reads': {'stderr': self.nobody_reads()},
                              'closed': {'before': lambda: os.close(2)}}.items():
                with self.subTest(name):
                    run = self.start(pipeline, **how)
                    self.assertEqual(run.end()[0], 0)
                    self.assertEqual(len((run.folder / 'all.jsonl').read_text().splitlines()), 18000)
            run = self.start(pipeline.replace('sources', 'scources'), stderr=full)
            self.assertEqual(run.end()[0], 2)

    def test_what_was_asked_for_cannot_be_written(self):
        pipeline = 'batch_interval: 1s\nsources: {s: {queue: {batches: [[1]]}}}\n' \
                   'outputs: [{name: o, from: s, stdout: {}}]\ntests: [{sources: {s: [[1]]}, expect: {o: [[1]]}}]'
        for command in ('help', 'help functions', 'schema', 'run --help', '--version', 'explain case.yaml',
                        'validate case.yaml', 'validate case.yaml --format json', 'test case.yaml'):
            with self.subTest(command), open('/dev/full', 'w', encoding='utf-8') as full:
                code, _, error, _ = self.start(pipeline, command=command, stdout=full).end(read=False)
                self.assertEqual((code, error), (1, "error: cannot write 'standard output': No space left on device\n"))
                code, _, error, _ = self.start(pipeline, command=command, stdout=self.nobody_reads()).end(read=False)
                self.assertEqual((code, error), (0, ''))

    def test_standard_input_is_closed(self):
        run = self.start('batch_interval: 1s\nsources: {s: {stdin: {}}}\noutputs: [{name: o, from: s, stdout: {}}]',
                         before=lambda: os.close(0))
        code, out, error, _ = run.end()
        self.assertEqual((code, out, error), (1, '', 'error: cannot read standard input: it is closed, or not open '
                                                      'for reading; give it a file or a pipe\n'))

    def test_standard_input_cannot_be_read(self):
        pipeline = 'batch_interval: 100ms\nsources: {s: {stdin: {}}}\noutputs: [{name: o, from: s, stdout: {}}]'
        for mode in ([], ['--available-now']):
            for path, flags, why in (('.', os.O_RDONLY, 'it is a folder'),
                                     ('/dev/null', os.O_WRONLY, 'it is closed, or not open for reading')):
                with self.subTest(path, mode=mode):
                    run = self.start(pipeline, *mode, before=lambda: os.dup2(os.open(path, flags), 0))
                    code, out, error, _ = run.end()
                    self.assertEqual((code, out, error), (1, '', f'error: cannot read standard input: {why}; '
                                                                 'give it a file or a pipe\n'))

    def test_standard_output_is_closed(self):
        run = self.start(ROWS + 'outputs: [{name: f, from: s, file: {path: all.jsonl}}, {name: o, from: s, stdout: {}}]',
                         before=lambda: os.close(1))
        code, _, error, _ = run.end()
        self.assertEqual((code, error), (1, "error: output 'o': cannot write 'standard output': Bad file descriptor\n"))

    def test_file_cannot_grow(self):
        for path in ('out/all.jsonl', 'out/{batch}.jsonl', 'out/{n}/{batch}.jsonl'):
            with self.subTest(path):
                pipeline = ROWS + f'outputs: [{{name: o, from: s, file: {{path: "{path}"}}}}]'
                if '{n}' in path:
                    pipeline = pipeline.replace('n: _n,', 'n: 7,')
                run = self.start(pipeline, before=small_files)
                code, _, error, _ = run.end()
                self.assertEqual(code, 1)
                self.assertRegex(error, r"^error: output 'o': cannot write 'out/.*': File too large\n$")
                self.assertEqual([p for p in run.folder.rglob('*') if p.is_file()], [run.folder / 'case.yaml'])

    def test_growing_file_is_cut_back(self):
        run = self.start(ROWS + 'outputs: [{name: o, from: s, file: {path: all.jsonl}}]', before=small_files,
                         files={'all.jsonl': 'old\n'})
        self.assertEqual(run.end()[0], 1)
        self.assertEqual((run.folder / 'all.jsonl').read_text(), 'old\n')

    def test_path_leads_nowhere(self):
        for path in ('/proc/nowhere/out.jsonl', 'case.yaml/{batch}.jsonl'):
            run = self.start(ROWS + f'outputs: [{{name: o, from: s, file: {{path: "{path}"}}}}]')
            code, _, error, _ = run.end()
            self.assertEqual(code, 1)
            self.assertRegex(error, r"^error: output 'o': cannot (make|open) folder '.*': ")

    def test_no_descriptors_are_left(self):
        run = self.start(ROWS + 'outputs: [{name: o, from: s, file: {path: "a/b/{batch}.jsonl"}}]',
                         before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4)))
        code, _, error, _ = run.end()
        self.assertEqual(code, 1)
        self.assertIn('Too many open files', error)

    def test_memory_is_used_up(self):
        run = self.start("""
batch_interval: 1s
parallelism: 1
sources: {s: {generate: {total: 50000000, columns: {n: _n}}}}
streams: {all: {from: s, steps: [{reduce: {to: {all: collect_list(n)}}}]}}
outputs: [{name: o, from: all, discard: {}}]
""", before=lambda: resource.setrlimit(resource.RLIMIT_AS, (400 << 20, 400 << 20)))
        code, _, error, _ = run.end()
        self.assertEqual(code, 1)
        self.assertRegex(error, r'all step 1 \(reduce\): it holds \d+ bytes|out of memory')

    def test_spools_have_no_folder(self):
        run = self.start("""
batch_interval: 1s
spool: {path: /no/such/folder}
sources: {s: {generate: {total: 1000000, columns: {n: "repeat('some words ', 13)"}}}}
outputs:
  - {name: a, from: s, discard: {}}
  - {name: b, from: s, file: {path: all.jsonl}}
""")
        code, _, error, _ = run.end()
        self.assertEqual(code, 1)
        self.assertIn("output 'b': cannot make a temporary file in '/no/such/folder'", error)


class Programs(ProcessTest):
    def test_batch_is_not_read_to_its_end(self):
        """Within what a pipe holds, and past it."""
        for rows in (100, 200000):
            run = self.start(f"""
batch_interval: 1s
sources: {{s: {{generate: {{total: {rows}, columns: {{n: _n + 1000000}}}}}}}}
outputs: [{{name: o, from: s, pipe: {{command: [sh, -c, 'read one; echo "$one"']}}}}]
""", '--allow-exec', '--start-time', '0')
            code, out, error, _ = run.end()
            self.assertEqual((code, out), (0, '{"n":1000000}\n'))
            self.assertRegex(error, f"^warning: output 'o': 'sh' ended with exit code 0, but read only \\d+ of the {14 * rows} "
                                    "bytes of batch 1970-01-01T00:00:01Z\n$")

    def test_all_is_read(self):
        run = self.start(ROWS + "outputs: [{name: o, from: s, pipe: {command: [sh, -c, 'cat > all']}}]", '--allow-exec')
        code, out, error, _ = run.end()
        self.assertEqual((code, out, error), (0, '', ''))
        self.assertEqual(len((run.folder / 'all').read_text().splitlines()), 20000)


class Terminal(ProcessTest):
    def test_control_bytes_are_shown(self):
        terminal, end = os.openpty()
        run = self.start("""
batch_interval: 1s
sources: {s: {queue: {batches: [["a\\e[31m"]]}}}
outputs: [{name: o, from: s, stdout: {}, format: text}]
""", stdout=end)
        self.assertEqual(run.end(read=False)[0], 0)
        os.close(end)
        self.assertEqual(os.read(terminal, 100), b'a\\x1B[31m\r\n')
        os.close(terminal)
