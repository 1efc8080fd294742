"""Programs that steps and outputs run: what they print, and when they do not end."""
import json
import signal
from pathlib import Path

from processes.process import ProcessTest

# What prints before it has read, and what reads and prints more than pipes hold.
GENERATED = "{generate: {total: 200000, columns: {value: \"lpad(cast(_n as string), 40, '0')\"}}, partitions: 1}"
STEP = """
batch_interval: 1s
parallelism: 4
sources: {{s: {source}}}
streams: {{t: {{from: s, {more}steps: [{{pipe: {{command: [sh, -c, '{command}'], format: {format}}}}}]}}}}
outputs: [{{name: o, from: t, {sink}}}]
"""


def step(command, source='{queue: {batches: [[1]]}, partitions: 1}', sink='stdout: {}', more='', format='text'):
    return STEP.format(command=command, source=source, sink=sink, more=more, format=format)


def output(command):
    return f"""
batch_interval: 1s
sources: {{s: {{queue: {{batches: [[1]]}}}}}}
outputs: [{{name: o, from: s, pipe: {{command: [sh, -c, '{command}']}}}}]
"""


class Printed(ProcessTest):
    def run_to_end(self, pipeline, code=0, error=''):
        run = self.start(pipeline, '--allow-exec', '--start-time', '0')
        run.process.stdin.close()
        ended, out, said, peak = run.end()
        self.assertEqual((ended, said), (code, error))
        self.peak = peak
        return out

    def test_reads_and_prints_at_once(self):
        for command, rows in (('cat', 200000), ('yes | head -n 1000000; cat', 1200000), ('cat; yes | head -n 1000000', 1200000),
                              ('awk "{print; print; print}"', 600000)):
            with self.subTest(command):
                out = self.run_to_end(step(command, GENERATED, sink='pipe: {command: [wc, -l]}'))
                self.assertEqual(int(out), rows)

    def test_order_is_that_of_partitions_and_lines(self):
        rows = list(range(1000))
        out = self.run_to_end(step('while read n; do echo $n; done', f'{{queue: {{batches: [{rows}]}}, partitions: 7}}'))
        self.assertEqual([int(json.loads(line)['value']) for line in out.splitlines()], rows)

    def test_output_is_not_held_in_memory(self):
        out = self.run_to_end(step('yes abcdefghijklmnopqrstuvwxyz | head -n 12000000', sink='pipe: {command: [wc, -l]}, format: text'),
                              error="warning: pipe of stream 't'[0]: 'sh' ended with exit code 0, but read only 0 of the 2 bytes of batch "
                                    '1970-01-01T00:00:01Z\n')
        self.assertEqual(int(out), 12000000)
        self.assertLess(self.peak, 200)

    def test_record_over_the_limit(self):
        command = 'cat; head -c 300000000 /dev/zero; echo; echo behind'
        out = self.run_to_end(step(command, more='on_error: drop, '),
                              error="warning: dropped: pipe of stream 't'[0]:2: t step 1 (pipe): the line is longer than 16 MiB; the record: "
                                    + r'\x00' * 200 + '…\nwarning: t step 1 (pipe): dropped 1 record in all\n')
        self.assertEqual([json.loads(line)['value'] for line in out.splitlines()], ['1', 'behind'])
        self.assertLess(self.peak, 200)

    def test_what_it_leaves_running_is_read_to_its_end(self):
        out = self.run_to_end(step('cat; mkfifo gate; (read go < gate; echo late) & (echo go > gate) & exit 0'))
        self.assertEqual([json.loads(line)['value'] for line in out.splitlines()], ['1', 'late'])

    def test_standard_output_that_is_closed_early(self):
        run = self.start(step('echo one; exec 1>&-; cat > rest', GENERATED), '--allow-exec')
        code, out, error, _ = run.end()
        self.assertEqual((code, json.loads(out), error), (0, {'value': 'one'}, ''))
        self.assertEqual((run.folder / 'rest').stat().st_size, 200000 * 41)

    def test_budget_of_the_spool(self):
        run = self.start('spool: {size: 1MB}\nmemory: 16MiB\n' + step('yes | head -n 50000000', sink='discard: {}'), '--allow-exec')
        code, _, error, _ = run.end()
        self.assertEqual(code, 1)
        self.assertRegex(error, r'error: t step 1 \(pipe\): partition 0: \d+ bytes have to wait on disk, and `spool: \{size: 1000000B\}` allows')


class Hanging(ProcessTest):
    """Nobody runs any more that has the gate open, once it cannot be written to."""
    HANG = {
        'it is told': 'echo begun >&2; cat gate',
        'it ignores that': 'trap "" TERM; echo begun >&2; cat gate & wait',
        'it has closed its input': 'exec 0<&-; echo begun >&2; cat gate',
        'it has closed all': 'exec 3>&2 0<&- 1>/dev/null 2>&1; echo begun >&3; exec 3>&-; cat gate',
    }

    def has_ended(self, number):
        return number.exists() and number.read_text().endswith('\n') and not Path('/proc', number.read_text().strip()).exists()

    def check_ended(self, gate):
        with self.assertRaises(BrokenPipeError):
            while True:
                gate.write(b'x')

    def hang(self, pipeline, ended=None):
        """`ended`: a file in which a program of the pipeline leaves its number, and which is to have ended."""
        run = self.start(pipeline, '--allow-exec', files={'gate': None})
        self.assertEqual(run.process.stderr.readline(), b'begun\n')
        while ended and not self.has_ended(run.folder / ended):
            self.assertIsNone(run.process.poll())
        with (run.folder / 'gate').open('wb', buffering=0) as gate:
            run.stop_at_once()
            code, out, error, _ = run.end()
            self.check_ended(gate)
        self.assertEqual((code, out), (1, ''))
        return error

    def test_second_signal_ends_them(self):
        for what, command in self.HANG.items():
            for pipeline in (step(command), output(command)):
                with self.subTest(what):
                    self.assertIn("error: ", self.hang(pipeline))

    def test_second_signal_ends_a_step_that_prints_without_end(self):
        self.assertIn("error: ", self.hang(step('echo begun >&2; cat gate & exec yes')))

    def test_first_signal_ends_a_test(self):
        run = self.start(step('echo begun >&2; cat gate') + 'tests: [{sources: {s: [[1]]}, expect: {o: [[]]}}]\n', '--allow-exec',
                         command='test case.yaml', files={'gate': None})
        self.assertEqual(run.process.stderr.readline(), b'begun\n')
        with (run.folder / 'gate').open('wb', buffering=0) as gate:
            run.send(signal.SIGINT)
            self.assertEqual(run.end()[:3], (1, '', 'error: case.yaml: stopped by a signal\n'))
            self.check_ended(gate)

    def test_first_signal_waits_for_a_step(self):
        run = self.start(step('echo begun >&2; read go < gate; cat'), '--allow-exec', files={'gate': None})
        self.assertEqual(run.process.stderr.readline(), b'begun\n')
        run.send(signal.SIGINT)
        (run.folder / 'gate').write_text('go\n')
        code, out, error, _ = run.end()
        self.assertEqual((code, out, error), (0, '{"value":"1"}\n', ''))

    def test_another_output_has_failed(self):
        command = self.HANG['it ignores that']
        error = self.hang(f"""
batch_interval: 1s
concurrent_outputs: 2
sources: {{s: {{queue: {{batches: [[1]]}}}}}}
outputs:
  - {{name: hangs, from: s, pipe: {{command: [sh, -c, '{command}']}}}}
  - {{name: fails, from: s, pipe: {{command: [sh, -c, 'echo $$ > number; exit 3']}}}}
""", ended='number')
        self.assertIn("output 'fails': 'sh' ended with exit code 3", error)

    def test_the_next_batch_hangs_in_a_step_when_an_output_fails(self):
        run = self.start("""
batch_interval: 10ms
concurrent_outputs: 2
sources: {s: {queue: {batches: [[1], [2]]}, partitions: 1}}
streams:
  t: {from: s, steps: [{pipe: {command: [sh, -c, 'read n; if [ $n = 2 ]; then trap "" TERM; cat gate & echo x > second; wait; fi']}}]}
outputs:
  - {name: fails, from: t, pipe: {command: [sh, -c, 'read x < second; exit 3']}}
""", '--allow-exec', files={'gate': None, 'second': None})
        with (run.folder / 'gate').open('wb', buffering=0) as gate:
            code, out, error, _ = run.end()
            self.check_ended(gate)
        self.assertEqual((code, out), (1, ''))
        self.assertIn("output 'fails': 'sh' ended with exit code 3", error)

    def test_other_partitions_are_ended_when_one_fails(self):
        run = self.start("""
batch_interval: 1s
parallelism: 2
sources: {s: {queue: {batches: [[1, 2]]}, partitions: 2}}
streams:
  t: {from: s, steps: [{pipe: {command: [sh, -c, 'read n; if [ $n = 1 ]; then read x < second; exit 4; fi; cat gate & echo x > second; wait']}}]}
outputs: [{name: o, from: t, discard: {}}]
""", '--allow-exec', files={'gate': None, 'second': None})
        with (run.folder / 'gate').open('wb', buffering=0) as gate:
            code, out, error, _ = run.end()
            self.check_ended(gate)
        self.assertEqual((code, out, error), (1, '', "error: t step 1 (pipe): partition 0: 'sh' ended with exit code 4\n"))
