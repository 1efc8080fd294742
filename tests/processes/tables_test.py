"""Tables whose files come and go while a pipeline runs."""
import json

from processes.process import ProcessTest

PIPELINE = """
batch_interval: 50ms
sources: {s: {queue: {batches: [[{k: a}]], default: [{k: a}]}, schema: {k: string}}}
tables:
  names: {file: {path: names.csv}, format: csv, header: true, schema: {k: string, name: string}, refresh: 50ms}
  fixed: {file: {path: fixed.csv}, format: csv, header: true, schema: {k: string, n: int}}
streams:
  f: {from: s, steps: [{join: {with: names, on: k}}, {join: {with: fixed, on: k}}]}
outputs:
  - {name: f, from: f, stdout: {}}
  - {name: fixed, from: fixed, stdout: {}}
"""


class Tables(ProcessTest):
    def test_each_has_its_own_version(self):
        run = self.start(PIPELINE, files={'names.csv': 'k,name\na,Anna\n', 'fixed.csv': 'k,n\na,1\n'})
        anna = [{'k': 'a', 'name': 'Anna', 'n': 1}, {'k': 'a', 'n': 1}]
        self.assertEqual([json.loads(run.line()) for _ in range(2)], anna)
        for name in ('names.csv', 'fixed.csv'):
            (run.folder / name).unlink()
        warning = run.process.stderr.readline().decode()
        self.assertIn("table 'names': there is no file 'names.csv'", warning)
        self.assertIn('serve until it can be read again', warning)
        # Moved in, so that it is whole when it is there.
        (run.folder / 'new').write_text('k,name\na,Berta\n')
        (run.folder / 'new').rename(run.folder / 'names.csv')
        self.assertIn("table 'names' can be read again", run.process.stderr.readline().decode())
        run.send()
        code, out, error, _ = run.end()
        self.assertEqual((code, error), (0, ''))
        rows = [json.loads(line) for line in out.splitlines()]
        self.assertEqual(rows[-2:], [{'k': 'a', 'name': 'Berta', 'n': 1}, {'k': 'a', 'n': 1}])
        self.assertTrue(all(row in anna + rows[-2:] for row in rows))

    def test_a_version_without_its_header_is_none(self):
        run = self.start(PIPELINE, files={'names.csv': 'k,name\na,Anna\n', 'fixed.csv': 'k,n\na,1\n'})
        run.line()
        # As who writes it anew has it for a moment.
        (run.folder / 'names.csv').write_text('')
        self.assertIn("table 'names': its file is empty: there is not even a header", run.process.stderr.readline().decode())
        (run.folder / 'names.csv').write_text('k,name\na,Berta\n')
        self.assertIn("table 'names' can be read again", run.process.stderr.readline().decode())
        run.send()
        code, out, _, _ = run.end()
        self.assertEqual(code, 0)
        self.assertEqual({row['name'] for row in map(json.loads, out.splitlines()) if 'name' in row}, {'Anna', 'Berta'})

    def test_first_version_must_be_there(self):
        run = self.start(PIPELINE, files={'names.csv': 'k,name\na,Anna\n'})
        code, out, error, _ = run.end()
        self.assertEqual((code, out), (1, ''))
        self.assertTrue(error.startswith("error: table 'fixed': there is no file 'fixed.csv'"), error)

    def test_a_version_with_a_fault_is_none(self):
        run = self.start("""
batch_interval: 50ms
sources: {s: {queue: {batches: [[{k: a}]], default: [{k: a}]}, schema: {k: string}}}
tables:
  names:
    file: {path: names.csv}
    format: csv
    schema: {k: string, n: int}
    refresh: 50ms
    steps: [{map: {k: k, n: 10 / n}}, {sort: {by: [n]}}]
streams: {f: {from: s, steps: [{join: {with: names, on: k}}]}}
outputs: [{name: f, from: f, stdout: {}}]
""", files={'names.csv': 'a,5\n'})
        self.assertEqual(json.loads(run.line()), {'k': 'a', 'n': 2.0})
        for text, fault in (('a,0\n', 'division by zero'), ('a,x\n', "'x' is no int")):
            (run.folder / 'new').write_text(text)
            (run.folder / 'new').rename(run.folder / 'names.csv')
            warning = run.process.stderr.readline().decode()
            self.assertIn("table 'names': ", warning)
            self.assertIn(fault, warning)
            self.assertIn('serve until it can be read again', warning)
            (run.folder / 'new').write_text('a,1\n')
            (run.folder / 'new').rename(run.folder / 'names.csv')
            self.assertIn("table 'names' can be read again", run.process.stderr.readline().decode())
        run.send()
        code, out, error, _ = run.end()
        self.assertEqual((code, error), (0, ''))
        self.assertEqual({json.loads(line)['n'] for line in out.splitlines()}, {2.0, 10.0})

    def test_a_version_that_memory_does_not_hold(self):
        pipeline = """
batch_interval: 50ms
memory: 16MiB
sources: {s: {queue: {batches: [[{k: a}]], default: [{k: a}]}, schema: {k: string}}}
tables: {names: {file: {path: names.csv}, format: csv, schema: {k: string, name: string}, refresh: 50ms}}
streams: {f: {from: s, steps: [{join: {with: names, on: k}}]}}
outputs: [{name: f, from: f, stdout: {}}]
"""
        large = ''.join(f'{i},{"x" * 100}\n' for i in range(200000))
        too_large = (r"table 'names': f step 1 \(join\), build side: it holds \d+ bytes, and all steps together may hold "
                     '16MiB; raise `memory`, ')
        run = self.start(pipeline, files={'names.csv': 'a,Anna\n'})
        self.assertEqual(json.loads(run.line()), {'k': 'a', 'name': 'Anna'})
        for text, said in ((large, too_large + '.*; its rows of batch .* serve'), ('a,Berta\n', "table 'names' can be read again")):
            (run.folder / 'new').write_text(text)
            (run.folder / 'new').rename(run.folder / 'names.csv')
            self.assertRegex(run.process.stderr.readline().decode(), said)
        run.send()
        code, out, error, _ = run.end()
        self.assertEqual((code, error), (0, ''))
        self.assertEqual({json.loads(line)['name'] for line in out.splitlines()}, {'Anna', 'Berta'})
        # There is no version before the first.
        code, _, error, _ = self.start(pipeline, files={'names.csv': large}).end()
        self.assertEqual(code, 1)
        self.assertRegex(error, f'^error: {too_large}')
