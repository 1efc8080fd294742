"""A bounded run stays under 200 MiB whatever the input's size; what steps hold is bounded by `memory`."""
import os
import resource
import subprocess

from processes.process import ProcessTest

MOST = 200
# About 250 MB of rows in one batch.
WORDY = """
batch_interval: 1s
parallelism: 2
sources:
  s: {generate: {total: 1600000, columns: {n: _n, k: _n % 1000, words: "repeat('some words ', 13)"}}}
"""


class Memory(ProcessTest):
    def peak(self, pipeline, files=None, read=lambda out: None):
        run = self.start(WORDY + pipeline, files=files)
        run.process.stdin.close()
        read(run.process.stdout)
        code, _, error, peak = run.end()
        self.assertEqual((code, error), (0, ''))
        self.assertLess(peak, MOST)
        return run

    def test_chain_to_a_file(self):
        run = self.peak("""
streams:
  words: {from: s, steps: [{flat_map: {each: "split(words, 'some')", as: word, keep: [n]}}, {filter: "word <> ''"}]}
outputs:
  - {name: f, from: words, file: {path: "out.csv"}, format: csv}
""")
        self.assertGreater((run.folder / 'out.csv').stat().st_size, 200 << 20)

    def test_diamond_with_a_spool(self):
        run = self.peak("""
streams:
  totals: {from: s, steps: [{reduce_by_key: {key: k, to: {total: count(*)}}}]}
  both: {from: s, steps: [{join: {with: totals, on: k}}]}
outputs:
  - {name: f, from: both, file: {path: "{batch}.jsonl"}}
""")
        self.assertEqual(len(list(run.folder.glob('*.jsonl'))), 1)

    def test_keys_that_few_records_make_again_and_again(self):
        run = self.start("""
batch_interval: 1s
parallelism: 2
sources: {s: {generate: {total: 2000, columns: {v: cast(_n as double)}}}}
streams:
  totals: {from: s, steps: [{flat_map: {each: "sequence(1, 10000)", as: x, keep: [v]}},
                            {reduce_by_key: {key: x, to: {total: sum(v)}}}, {count: {}}]}
outputs: [{name: o, from: totals, stdout: {}}]
""")
        code, out, error, peak = run.end()
        self.assertEqual((code, out, error), (0, '{"count":10000}\n', ''))
        self.assertLess(peak, MOST)

    def test_outputs_of_different_speed(self):
        def slowly(out):
            while os.read(out.fileno(), 4096):
                pass

        for concurrent in (1, 3):
            self.peak(f"""
concurrent_outputs: {concurrent}
outputs:
  - {{name: first, from: s, stdout: {{}}}}
  - {{name: f, from: s, file: {{path: "out.jsonl"}}}}
  - {{name: after, from: s, stdout: {{}}, format: csv, after: [f]}}
""", read=slowly)

    def test_file_of_short_lines(self):
        run = self.start("""
batch_interval: 1s
parallelism: 2
sources: {s: {file: {path: in.txt}}}
streams: {n: {from: s, steps: [count]}}
outputs: [{name: o, from: n, stdout: {}}]
""", files={'in.txt': '\n' * (50 << 20)})
        code, out, error, peak = run.end()
        self.assertEqual((code, out, error), (0, '{"count":%d}\n' % (50 << 20), ''))
        self.assertLess(peak, MOST)

    def test_endless_line(self):
        read, write = os.pipe()
        feeder = subprocess.Popen('echo 1; head -c 400000000 /dev/zero; echo; echo 2', shell=True, stdout=write)
        self.addCleanup(feeder.wait)
        os.close(write)
        run = self.start("""
batch_interval: 1s
on_error: drop
sources: {s: {stdin: {}}}
outputs: [{name: o, from: s, stdout: {}, format: text}]
""", '--available-now', before=lambda: os.dup2(read, 0))
        os.close(read)
        code, out, error, peak = run.end()
        self.assertEqual((code, out), (0, '1\n2\n'))
        self.assertEqual(error, 'warning: dropped: stdin:2: s: the line is longer than 16 MiB; the record: '
                                + r'\x00' * 200 + '…\n'
                                'warning: s: dropped 1 record in all\n')
        self.assertLess(peak, MOST)

    def test_spool_over_its_bound(self):
        run = self.start(WORDY + """
spool: {size: 10MB}
outputs:
  - {name: first, from: s, file: {path: a.jsonl}}
  - {name: f, from: s, file: {path: b.jsonl}}
""")
        code, _, error, peak = run.end()
        self.assertEqual(code, 1)
        self.assertRegex(error, r"error: output '.*': \d+ bytes have to wait on disk, and `spool: \{size: 10000000B\}` "
                                r"allows no more; .*`max_batch_bytes`")
        self.assertEqual([p.name for p in run.folder.iterdir()], ['case.yaml'])
        self.assertLess(peak, MOST)


KEYED = """
batch_interval: 1s
parallelism: {threads}
{memory}
sources: {{s: {{generate: {{total: {total}, columns: {{k: "cast(_n as string)"}}}}}}}}
streams: {{r: {{from: s, steps: [{{reduce_by_key: {{key: k, to: {{c: {aggregate}}}}}}}]}}}}
outputs: [{{name: o, from: r, discard: {{}}}}]
"""


class KeyedMemory(ProcessTest):
    def keyed(self, total, aggregate='count(*)', threads=1, memory='', before=None):
        run = self.start(KEYED.format(total=total, aggregate=aggregate, threads=threads, memory=memory), before=before)
        run.process.stdin.close()
        return run.end()

    def test_many_short_keys(self):
        code, _, error, peak = self.keyed(3000000)
        self.assertEqual((code, error), (0, ''))
        self.assertLess(peak, 250)

    def test_budget_is_kept_and_said(self):
        for aggregate in ('count(*)', 'sum(cast(1 as double))', 'max(k)', 'collect_list(k)', 'count(distinct k)'):
            for threads in (1, 2):
                with self.subTest(aggregate=aggregate, threads=threads):
                    code, _, error, peak = self.keyed(4000000, aggregate, threads, 'memory: 48MiB')
                    self.assertEqual(code, 1)
                    self.assertRegex(error, r'^error: r step 1 \(reduce_by_key\): it holds \d+ bytes for up to \d+ keys, and '
                                            r'all steps together may hold 48MiB; raise `memory`, make batches smaller '
                                            r'with `max_batch_bytes` or `max_batch_records`, or use fewer keys\n$')
                    self.assertLess(peak, MOST)

    def test_every_step_that_holds_rows_says_what_it_holds(self):
        for step in ('count_by_value: [k]', 'group_by_key: {key: k, values: n}', 'cogroup: {with: other, key: k}', 'glom',
                     'join: {with: other, on: k}', 'join: {with: other, on: left.n > right.m + 299990}',
                     'reduce: {to: {n: collect_list(n)}}'):
            for threads in (1, 4):
                key = 'key' if 'left' in step else 'k'
                with self.subTest(step=step, threads=threads):
                    run = self.start(f"""
batch_interval: 1s
parallelism: {threads}
memory: 4MiB
sources: {{s: {{generate: {{total: 300000, columns: {{k: "cast(_n as string)", n: _n}}}}}}}}
streams:
  other: {{from: s, steps: [{{map: {{{key}: k, m: n}}}}]}}
  r: {{from: s, steps: [{{map: [k, n]}}, {{{step}}}]}}
outputs: [{{name: o, from: r, discard: {{}}}}, {{name: p, from: other, discard: {{}}}}]
""")
                    run.process.stdin.close()
                    code, _, error, _ = run.end()
                    self.assertEqual(code, 1)
                    self.assertRegex(error, rf'^error: r step 2 \({step.split(":")[0]}\)(, build side)?: it holds \d+ bytes( for up to \d+ keys)?, '
                                            r'and all steps together may hold 4MiB; raise `memory`, make batches smaller '
                                            r'with `max_batch_bytes` or `max_batch_records`(, or use fewer keys)?\n$')

    def test_distinct_goes_to_disk(self):
        pipeline = """
batch_interval: 1s
parallelism: 4
memory: 64MiB
{spool}
sources: {{s: {{generate: {{total: 3000000, columns: {{n: _n, k: "concat('account-', cast(_n as string))"}}}}}}}}
streams:
  r: {{from: s, steps: [{{distinct: [k]}}]}}
outputs: [{{name: o, from: r, file: {{path: out.csv}}, format: csv}}]
"""
        run = self.start(pipeline.format(spool=''))
        run.process.stdin.close()
        code, _, error, peak = run.end()
        self.assertEqual((code, error), (0, ''))
        self.assertLess(peak, MOST)
        with open(run.folder / 'out.csv', encoding='utf-8') as lines:
            self.assertTrue(all(line == f'{n},account-{n}\n' for n, line in enumerate(lines)))
        run = self.start(pipeline.format(spool='spool: {size: 20MB}'))
        run.process.stdin.close()
        code, _, error, _ = run.end()
        self.assertEqual(code, 1)
        self.assertRegex(error, r'^error: r step 1 \(distinct\): \d+ bytes have to wait on disk, and `spool: \{size: '
                                r'20000000B\}` allows no more; allow more, or make batches smaller with')

    def test_address_space_that_ends(self):
        for most in (400, 600, 1000):
            with self.subTest(most=most):
                code, _, error, _ = self.keyed(5000000, threads=2, before=lambda most=most: resource.setrlimit(
                    resource.RLIMIT_AS, (most << 20, most << 20)))
                if code != 0:
                    self.assertEqual(code, 1)
                    self.assertIn('r step 1 (reduce_by_key): ', error)

    def test_address_space_for_the_program_and_no_more(self):
        """Where libraries can be mapped, but not set up: whatever the room, it is a run or an error with a name."""
        for most in range(54000, 80000, 500):
            run = self.start("""
batch_interval: 1s
sources: {s: {queue: {batches: [[1]]}}}
outputs: [{name: o, from: s, stdout: {}}]
""", before=lambda m=most: resource.setrlimit(resource.RLIMIT_AS, (m << 10, m << 10)))
            code, out, error, _ = run.end()
            with self.subTest(most):
                if code == 127:
                    self.assertIn('shared object', error)  # not ours: the loader's
                else:
                    self.assertEqual((code, out) if code == 0 else (code, out, error[:7]),
                                     (0, '{"value":1}\n') if code == 0 else (1, '', 'error: '))

    def test_address_space_that_ends_names_what_holds_it(self):
        code, _, error, _ = self.keyed(5000000, memory='memory: 1GiB', before=lambda: resource.setrlimit(
            resource.RLIMIT_AS, (200 << 20, 200 << 20)))
        self.assertEqual(code, 1)
        self.assertRegex(error, r'^error: .*: out of memory; .*holds \d+ bytes for up to \d+ keys; make batches smaller with '
                                r'`max_batch_bytes` or `max_batch_records`, or allow more of it\n$')

    def test_what_was_staged_is_swept(self):
        wide = ', '.join(f"w{i}: \"if(n = 1000000, repeat(cast(n % 10 as string), 15000000), repeat('x', 10))\"" for i in range(12))
        run = self.start(f"""
batch_interval: 1s
parallelism: 1
sources: {{s: {{generate: {{total: 1100000, columns: {{n: _n}}}}}}}}
streams: {{r: {{from: s, steps: [{{map: {{n: n, {wide}}}}}]}}}}
outputs: [{{name: o, from: r, file: {{path: x.jsonl}}}}]
""", before=lambda: resource.setrlimit(resource.RLIMIT_AS, (250 << 20, 250 << 20)))
        run.process.stdin.close()
        code, _, error, _ = run.end()
        self.assertEqual(code, 1)
        self.assertRegex(error, r"^error: (r step 1 \(map\)|output 'o'): out of memory; make batches smaller")
        self.assertEqual([p.name for p in run.folder.iterdir()], ['case.yaml'])
