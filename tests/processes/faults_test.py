"""What the system refuses ends the run loudly, and leaves nothing half-written behind."""
import os
import resource
import signal
import subprocess

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

    def test_reader_has_gone(self):
        read, write = os.pipe()
        os.close(read)
        run = self.start(ROWS + 'outputs: [{name: o, from: s, stdout: {}}]', stdout=write)
        os.close(write)
        code, _, error, _ = run.end(read=False)
        self.assertEqual((code, error), (1, "error: output 'o': cannot write 'standard output': Broken pipe\n"))

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
