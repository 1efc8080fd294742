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

    def test_first_version_must_be_there(self):
        run = self.start(PIPELINE, files={'names.csv': 'k,name\na,Anna\n'})
        code, out, error, _ = run.end()
        self.assertEqual((code, out), (1, ''))
        self.assertTrue(error.startswith("error: table 'fixed': there is no file 'fixed.csv'"), error)
