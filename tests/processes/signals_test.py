"""The first SIGINT or SIGTERM finishes the batch at hand and commits it, the second stops at once."""
import json
import signal

from processes.process import ProcessTest

ENDLESS = {
    'generate': 'generate: {rows_per_second: 1000, columns: {value: _n}}',
    'queue': 'queue: {batches: [[1]], default: [2]}',
    'file': 'file: {path: in.txt, follow: true}',
    'stdin': 'stdin: {}',
}


def to_stdout(source):
    return f"""
batch_interval: 10ms
sources: {{s: {{{source}}}}}
outputs: [{{name: o, from: s, stdout: {{}}}}]
"""


class Signals(ProcessTest):
    def test_first_finishes_whatever_the_source(self):
        for name, source in ENDLESS.items():
            for which in (signal.SIGINT, signal.SIGTERM):
                with self.subTest(name, which=which):
                    run = self.start(to_stdout(source), files={'in.txt': 'a\n'})
                    if name == 'stdin':
                        run.write('a\n')
                    rows = [run.line()]
                    run.send(which)
                    code, out, error, _ = run.end()
                    self.assertEqual((code, error), (0, ''))
                    for row in rows + out.splitlines():
                        self.assertIn('value', json.loads(row))

    def test_first_while_a_source_waits_for_input(self):
        run = self.start(to_stdout('stdin: {}'), '--available-now')
        run.write('a\n')
        # The batch of all that comes has begun once its first morsel is out.
        for _ in range(40):
            run.write('b' * 65535 + '\n')
        self.assertEqual(json.loads(run.line()), {'value': 'a'})
        run.send()
        code, out, error, _ = run.end()
        self.assertEqual((code, error), (0, ''))
        for row in out.splitlines():
            self.assertEqual(json.loads(row), {'value': 'b' * 65535})

    def test_first_waits_for_a_slow_sink(self):
        run = self.start("""
batch_interval: 1s
sources: {s: {queue: {batches: [[1], [2]]}}}
outputs: [{name: o, from: s, pipe: {command: [sh, -c, 'echo begun; read go < gate; cat >> out']}}]
""", '--allow-exec', files={'gate': None})
        self.assertEqual(run.line(), 'begun\n')
        run.send()
        (run.folder / 'gate').write_text('go\n')
        code, out, error, _ = run.end()
        self.assertEqual((code, out, error), (0, '', ''))
        self.assertEqual((run.folder / 'out').read_text(), '{"value":1}\n')

    def test_first_ends_the_retries_of_a_start(self):
        for more in (False, True):
            with self.subTest(more=more):
                run = self.start("""
batch_interval: 1s
sources: {s: {queue: {batches: [[1]]}}}
outputs: [{name: o, from: s, file: {path: plain/x}, retry: {times: 1000, backoff: 1h}}]
""", files={'plain': ''})
                fault = "output 'o': cannot open folder 'plain/': Not a directory"
                self.assertEqual(run.process.stderr.readline().decode(), f'warning: {fault}; trying again in 1h\n')
                if more:
                    run.stop_at_once()
                else:
                    run.send()
                code, out, error, _ = run.end()
                self.assertEqual((code, out, error), (1, '', f'error: {fault}\n'))

    def test_hang_up_finishes_as_well(self):
        run = self.start(to_stdout(ENDLESS['queue']))
        run.line()
        run.send(signal.SIGHUP)
        code, _, error, _ = run.end()
        self.assertEqual((code, error), (0, ''))

    def test_second_ends_programs_and_what_they_started(self):
        run = self.start("""
batch_interval: 1s
sources: {s: {queue: {batches: [[1]]}}}
outputs: [{name: o, from: s, pipe: {command: [sh, -c, 'trap "" TERM; echo begun; cat gate & wait']}}]
""", '--allow-exec', files={'gate': None})
        self.assertEqual(run.line(), 'begun\n')
        # Opening it waits until `cat` has, too.
        with (run.folder / 'gate').open('wb', buffering=0) as gate:
            run.stop_at_once()
            code, _, error, _ = run.end(read=False)
            self.assertEqual(code, 1)
            self.assertIn('stopped at once', error)
            # Once nobody runs that could read it.
            with self.assertRaises(BrokenPipeError):
                while True:
                    gate.write(b'x')

    def test_second_stops_at_once(self):
        blocked = {
            'a program that does not end': """
batch_interval: 1s
sources: {s: {queue: {batches: [[1]]}}}
outputs: [{name: o, from: s, pipe: {command: [sh, -c, 'echo begun; exec 1>&- 2>&-; while kill -0 $PPID; do :; done']}}]
""",
            'standard output that nobody reads': """
batch_interval: 1s
sources: {s: {generate: {total: 1000000, columns: {n: _n}}}}
outputs: [{name: o, from: s, stdout: {}}]
""",
            'standard input that says nothing': to_stdout('stdin: {}'),
        }
        for name, pipeline in blocked.items():
            with self.subTest(name):
                run = self.start(pipeline, '--allow-exec')
                if 'stdin' in pipeline:
                    run.write('a\n')
                self.assertNotEqual(run.line(), '')
                run.stop_at_once()
                code, _, error, _ = run.end(read=False)
                if 'stdin' not in pipeline:
                    self.assertEqual(code, 1)
                    self.assertIn('stopped at once', error)
