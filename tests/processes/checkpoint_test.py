"""Runs that are killed at every point of a batch's way, and go on: the outputs are those of a run that never was."""
import contextlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import tempfile
from pathlib import Path

from processes.process import PROGRAM, ProcessTest

POINTS = ('after-intent', 'after-compute', 'before-publish', 'after-publish', 'after-commit')
RECORDS = 40
BATCH = 40000  # the second

OUTPUTS = {
    'grows': 'file: {path: "out/all.jsonl"}',
    'grows compressed': 'file: {path: "out/all.jsonl.gz", compression: gzip}',
    'grows behind another': 'file: {path: "out/there.jsonl"}',
    'takes the place of another': 'file: {path: "out/there.jsonl", exists: replace}',
    'one a batch': 'file: {path: "out/{batch}.jsonl", exists: fail}',
    'one a batch, also without rows': 'file: {path: "out/{batch}.jsonl", exists: fail, empty: write}',
    'one a batch and key': 'file: {path: "out/{k}/{batch}.csv", exists: fail}\n    format: csv',
    'one a batch, behind another': 'file: {path: "out/{batch}.jsonl", exists: append}',
    'one a key': 'file: {path: "out/{k}.csv"}\n    format: csv\n    header: true',
    'rolls by size': 'file: {path: "out/{part}.jsonl", roll: {size: 100}}',
    'rolls by time': 'file: {path: "out/{part}.jsonl", roll: {interval: 3s}}',
    'one an hour': 'file: {path: "out/%H-%M.jsonl"}',
    'replaced, and nobody else\'s': 'file: {path: "out/own.jsonl", write: replace, exists: fail}',
    'replaced': 'file: {path: "out/last.jsonl", write: replace}',
}


def pipeline(output, more=''):
    return f"""
name: crash
batch_interval: 20s
checkpoint: {{path: state/log}}
sources:
  s: {{file: {{path: in.jsonl}}, format: json, schema: {{n: int, k: string}}, max_batch_records: 7}}
streams:
  r: {{from: s, steps: [filter: n % 10 < 7]}}
outputs:
  - name: o
    from: r
    {output}
{more}
"""


class Checkpoint(ProcessTest):
    def folder(self, text):
        folder = Path(self.enterContext(tempfile.TemporaryDirectory()))
        (folder / 'out').mkdir()
        (folder / 'p.yaml').write_text(text)
        (folder / 'in.jsonl').write_text(''.join(f'{{"n":{n},"k":"{"abc"[n % 3]}"}}\n' for n in range(RECORDS)))
        for name in ('there.jsonl', f'{BATCH}.jsonl'):
            (folder / 'out' / name).write_text('{"former":1}\n')
        if 'exists: fail' in text:
            (folder / 'out' / f'{BATCH}.jsonl').unlink()
        return folder

    def run_in(self, folder, *more):
        return subprocess.run([PROGRAM, 'p.yaml', '--available-now', '--start-time', '0', *more], cwd=folder,
                              capture_output=True, text=True, timeout=60)

    def files(self, folder):
        return {str(path.relative_to(folder)): path.read_bytes() for path in sorted((folder / 'out').rglob('*'))
                if path.is_file()}

    def finish(self, folder):
        run = self.run_in(folder)
        self.assertEqual((run.returncode, run.stdout), (0, ''), run.stderr)
        return run.stderr

    def test_killed_once_at_each_point(self):
        for name, output in OUTPUTS.items():
            whole = self.folder(pipeline(output))
            self.finish(whole)
            expected = self.files(whole)
            self.assertTrue(expected)
            for point in POINTS:
                for count in (1, 2, 4):
                    with self.subTest(name, point=point, count=count):
                        folder = self.folder(pipeline(output))
                        killed = self.run_in(folder, '--kill-at', f'{point}:{count}')
                        self.assertEqual(killed.returncode, -signal.SIGKILL)
                        self.finish(folder)
                        self.assertEqual(self.files(folder), expected)

    def test_killed_again_and_again(self):
        for name, output in OUTPUTS.items():
            whole = self.folder(pipeline(output))
            self.finish(whole)
            with self.subTest(name):
                folder = self.folder(pipeline(output))
                points = [*POINTS, *reversed(POINTS), 'after-publish', 'after-publish', 'after-compute', 'before-publish']
                for point in points:
                    killed = self.run_in(folder, '--kill-at', f'{point}:1')
                    self.assertIn(killed.returncode, (0, -signal.SIGKILL), killed.stderr)
                self.finish(folder)
                self.assertEqual(self.files(folder), self.files(whole))

    def test_nothing_comes_twice_behind_a_clean_stop(self):
        for name, output in OUTPUTS.items():
            with self.subTest(name):
                folder = self.folder(pipeline(output))
                self.finish(folder)
                first = self.files(folder)
                self.finish(folder)
                self.assertEqual(self.files(folder), first)

    def kill(self, folder, point):
        killed = self.run_in(folder, '--kill-at', point)
        self.assertEqual(killed.returncode, -signal.SIGKILL)
        return killed

    def refused(self, folder, text, *more):
        run = self.run_in(folder, *more)
        self.assertEqual((run.returncode, run.stdout), (1, ''), run.stderr)
        self.assertIn(text, run.stderr)

    def test_another_programs_file_is_not_replaced_by_a_restart(self):
        for kill in (None, 'after-intent:2'):
            folder = self.folder(pipeline(OUTPUTS['one a batch']))
            other = folder / 'out' / f'{BATCH}.jsonl'
            if kill:
                self.kill(folder, kill)
            other.write_text('mine\n')
            for _ in range(2):
                self.refused(folder, 'exists')
                self.assertEqual(other.read_text(), 'mine\n')
            other.unlink()
            self.finish(folder)

    def test_changed_between_two_runs(self):
        folder = self.folder(pipeline(OUTPUTS['grows']))
        self.finish(folder)
        grown = folder / 'out' / 'all.jsonl'
        whole = grown.read_bytes()
        for changed, text in ((whole + b'{}\n', 'another program has written behind it'), (whole[:-5], 'another program has cut it'),
                              (whole[:-5] + b'12345', 'is not what was committed')):
            grown.write_bytes(changed)
            self.refused(folder, text)
            self.assertEqual(grown.read_bytes(), changed)
        grown.write_bytes(whole)
        self.finish(folder)

    def test_pipeline_that_changes(self):
        text = pipeline(OUTPUTS['grows'])
        folder = self.folder(text)
        self.kill(folder, 'after-publish:2')
        for change in ((lambda p: p.replace('name: o', 'name: o2'), 'reset o'),
                       (lambda p: p.replace('  s: {', '  s2: {').replace('from: s,', 'from: s2,'), 'reset s')):
            (folder / 'p.yaml').write_text(change[0](text))
            self.refused(folder, change[1])
        (folder / 'p.yaml').write_text(text)
        self.finish(folder)
        first = self.files(folder)
        # A source that is away for a while keeps its place.
        (folder / 'other.jsonl').write_text('{"n":1,"k":"x"}\n')
        (folder / 'p.yaml').write_text(text.replace('  s: {file: {path: in.jsonl}', '  s2: {file: {path: other.jsonl}').replace('from: s,', 'from: s2,'))
        self.assertIn("knows a source 's'", self.finish(folder))
        added = self.files(folder)
        self.assertNotEqual(added, first)
        (folder / 'p.yaml').write_text(text)
        self.finish(folder)
        self.assertEqual(self.files(folder), added)

    def test_input_that_is_away(self):
        text = pipeline(OUTPUTS['grows']).replace('path: in.jsonl', 'path: "in*.jsonl"')
        folder = self.folder(text)
        (folder / 'in0.jsonl').write_text('{"n":1,"k":"x"}\n')
        self.assertEqual(self.run_in(folder, '--batches', '1').returncode, 0)
        (folder / 'in.jsonl').rename(folder / 'away')
        self.refused(folder, "there is no file 'in.jsonl' any more")
        (folder / 'away').rename(folder / 'in.jsonl')
        self.finish(folder)
        first = self.files(folder)
        # What was read wholly may go, and is not read again when it is back.
        (folder / 'in0.jsonl').rename(folder / 'away')
        self.finish(folder)
        (folder / 'away').rename(folder / 'in0.jsonl')
        self.finish(folder)
        self.assertEqual(self.files(folder), first)

    def test_log_that_is_gone(self):
        for what in (lambda log: (log / 'batches.db').write_bytes(b''), lambda log: (log / 'batches.db').unlink()):
            folder = self.folder(pipeline(OUTPUTS['grows']))
            self.finish(folder)
            first = self.files(folder)
            what(folder / 'state' / 'log')
            self.refused(folder, 'is damaged')
            self.assertEqual(self.files(folder), first)
            self.assertEqual(self.run_in(folder, '--reset', 'all').returncode, 0)

    def test_folder_that_is_removed_while_it_is_in_use(self):
        folder = self.folder(pipeline(OUTPUTS['grows']).replace('batch_interval: 20s', 'batch_interval: 20ms'))
        run = self.start((folder / 'p.yaml').read_text().replace('in.jsonl}', 'in.jsonl, follow: true}'), folder=folder)
        while not (folder / 'out' / 'all.jsonl').exists():
            self.assertIsNone(run.process.poll())
        shutil.rmtree(folder / 'state')
        with open(folder / 'in.jsonl', 'a', encoding='utf-8') as more:
            more.write('{"n":1,"k":"x"}\n')
        code, _, error, _ = run.end()
        self.assertEqual(code, 1)
        self.assertIn('was removed while it was in use', error)

    def test_log_that_is_removed_while_it_is_in_use(self):
        for name in ('batches.db', 'batches.db-wal'):
            folder = self.folder(pipeline(OUTPUTS['grows']).replace('batch_interval: 20s', 'batch_interval: 20ms'))
            run = self.start((folder / 'p.yaml').read_text().replace('in.jsonl}', 'in.jsonl, follow: true}'), folder=folder)
            while not (folder / 'out' / 'all.jsonl').exists() or (folder / 'out' / 'all.jsonl').read_text().count('\n') < 15:
                self.assertIsNone(run.process.poll())
            (folder / 'state' / 'log' / name).unlink()
            with open(folder / 'in.jsonl', 'a', encoding='utf-8') as more:
                more.write('{"n":1,"k":"x"}\n')
            code, _, error, _ = run.end()
            self.assertEqual(code, 1)
            self.assertIn('or a file of it, was removed while it was in use', error)

    def test_state_of_a_folder_that_nobody_may_write(self):
        folder = self.folder(pipeline(OUTPUTS['grows']))
        self.finish(folder)
        log = folder / 'state' / 'log'
        for path in (folder, folder / 'state', log):
            path.chmod(0o555)
        for path in log.iterdir():
            path.chmod(0o444)
        self.addCleanup(lambda: [path.chmod(0o755) for path in (folder, folder / 'state', log)])
        own = Path(self.enterContext(tempfile.TemporaryDirectory()))
        own.chmod(0o755)
        shutil.copy(PROGRAM, own / 'streamrun')

        def lesser():
            if os.geteuid() == 0:
                os.setuid(65534)
        run = subprocess.run([own / 'streamrun', 'state', 'p.yaml'], cwd=folder, capture_output=True, text=True, timeout=60, preexec_fn=lesser)
        self.assertEqual((run.returncode, run.stderr), (0, ''))
        self.assertIn('crash: last commit', run.stdout)

    def test_followed_file_that_is_cut_under_an_open_batch(self):
        folder = self.folder(pipeline(OUTPUTS['grows']).replace('in.jsonl}', 'in.jsonl, follow: true}'))
        self.kill(folder, 'after-publish:3')
        shutil.copy(folder / 'in.jsonl', folder / 'in.jsonl.1')
        (folder / 'in.jsonl').write_text('{"n":100,"k":"x"}\n')
        self.refused(folder, 'a batch that comes again needs its bytes')

    def test_slash_behind_the_folder(self):
        folder = self.folder(pipeline(OUTPUTS['grows']).replace('path: state/log', 'path: state/log/'))
        self.finish(folder)
        first = self.files(folder)
        self.finish(folder)
        self.assertEqual(self.files(folder), first)
        self.assertEqual((folder / 'state' / 'log').stat().st_mode & 0o777, 0o700)

    def test_link_to_the_folder(self):
        folder = self.folder(pipeline(OUTPUTS['grows']))
        (folder / 'elsewhere').mkdir()
        (folder / 'state').symlink_to('elsewhere')
        self.finish(folder)

    def test_state_and_reset(self):
        folder = self.folder(pipeline(OUTPUTS['grows']))
        self.kill(folder, 'after-publish:3')

        def state(*more):
            return subprocess.run([PROGRAM, 'state', 'p.yaml', *more], cwd=folder, capture_output=True, text=True, timeout=60)
        self.assertIn('begun and not committed, so that the next start runs it again', state().stdout)
        told = json.loads(state('--format', 'json').stdout)
        self.assertEqual([batch['committed'] for batch in told['batches']], [True, True, False])
        # Of the 40 records the first 14 are committed.
        waits = sum(len(line) for line in (folder / 'in.jsonl').read_text().splitlines(keepends=True)[14:])
        self.assertEqual(told['sources']['s']['lag'], {'bytes': waits})
        self.assertIn(f'lag: {waits}', state().stdout)
        self.finish(folder)
        self.assertNotIn('not committed', state().stdout)
        self.assertEqual(json.loads(state('--format', 'json').stdout)['sources']['s']['lag'], {'bytes': 0})
        self.refused(folder, 'knows no source and no output of that name', '--reset', 'nobody')
        first = (folder / 'out' / 'all.jsonl').read_text()
        self.assertEqual(self.run_in(folder, '--reset', 's').returncode, 0)
        self.assertEqual((folder / 'out' / 'all.jsonl').read_text(), first * 2)

    def replay(self, folder, *more):
        return subprocess.run([PROGRAM, 'replay', 'p.yaml', *more], cwd=folder, capture_output=True, text=True, timeout=60)

    def test_replay(self):
        text = pipeline(OUTPUTS['grows'], '  - {name: again, from: s, columns: [n], stdout: {}, format: text}')
        folder = self.folder(text.replace('columns: [n], stdout: {}, format: text', 'columns: [k], file: {path: "out/{batch}.txt"}, format: text'))
        (folder / 'out' / f'{BATCH}.jsonl').unlink()
        self.finish(folder)
        first = self.files(folder)
        rows = first['out/all.jsonl'].decode().splitlines(keepends=True)
        # 7 records a batch, of which those with n % 10 < 7 come out: the second has 7 to 13.
        second = ''.join(row for row in rows if 7 <= json.loads(row)['n'] <= 13)
        self.assertTrue(second)
        for time in (str(BATCH), '1970-01-01T00:00:40Z'):
            run = self.replay(folder, '--batch', time, '--output', 'o')
            self.assertEqual((run.returncode, run.stdout, run.stderr), (0, second, ''))
        both = self.replay(folder, '--batch', str(BATCH))
        keys = first[f'out/{BATCH}.txt'].decode()
        self.assertEqual(both.stdout, f'==> o <==\n{second}\n==> again <==\n{keys}')
        self.assertEqual(self.files(folder), first)
        for more, code, text in ((('--batch', '41000'), 1, 'holds no batch'), ((), 2, '--batch TIME is missing'),
                                 (('--batch', str(BATCH), '--output', 'nobody'), 2, 'no output of that name')):
            run = self.replay(folder, *more)
            self.assertEqual((run.returncode, run.stdout), (code, ''))
            self.assertIn(text, run.stderr)
        (folder / 'in.jsonl').write_text('')
        gone = self.replay(folder, '--batch', str(BATCH))
        self.assertEqual(gone.returncode, 1, gone.stdout)

    def joined(self, refresh=''):
        text = pipeline(OUTPUTS['grows']).replace('streams:', f"""
tables:
  names: {{file: {{path: names.csv}}, format: csv, header: true, schema: {{k: string, name: string}}{refresh}}}
streams:""").replace('filter: n % 10 < 7', 'join: {with: names, on: k}')
        folder = self.folder(text)
        (folder / 'names.csv').write_text('k,name\na,Ann\nb,Bob\nc,Cid\n')
        return folder

    def test_table_that_changes_between_kill_and_restart(self):
        whole = self.joined()
        self.finish(whole)
        expected = self.files(whole)['out/all.jsonl'].decode().splitlines()
        for point in ('after-compute', 'before-publish', 'after-publish'):
            with self.subTest(point):
                folder = self.joined()
                self.kill(folder, f'{point}:2')
                (folder / 'names.csv').write_text('k,name\na,ANN\nb,BOB\nc,CID\n')
                self.finish(folder)
                got = self.files(folder)['out/all.jsonl'].decode().splitlines()
                # What had begun is joined with what it was joined with, what follows with what is there.
                self.assertEqual(got[:14], expected[:14])
                self.assertEqual(got[14:], [row.replace('Ann', 'ANN').replace('Bob', 'BOB').replace('Cid', 'CID') for row in expected[14:]])
                run = self.replay(folder, '--batch', str(BATCH))
                self.assertEqual(run.stdout.splitlines(), expected[7:14], run.stderr)
                later = self.replay(folder, '--batch', str(BATCH + 20000))
                self.assertEqual(later.stdout.splitlines(), got[14:21], later.stderr)

    def test_rejects_of_a_table_come_once(self):
        def rejecting():
            folder = self.joined(', on_error: route')
            (folder / 'names.csv').write_text('k,name\na,Ann\nb,Bob,too many\nc,Cid\n')
            with open(folder / 'p.yaml', 'a', encoding='utf-8') as text:
                text.write('  - {name: e, from: names.errors, columns: [place, raw], file: {path: out/errors}}\n')
            return folder
        whole = rejecting()
        self.finish(whole)
        self.assertEqual(self.files(whole)['out/errors'].count(b'Bob'), 1)
        for point in POINTS:
            for count in (1, 2, 4):
                with self.subTest(point, count=count):
                    folder = rejecting()
                    self.kill(folder, f'{point}:{count}')
                    self.finish(folder)
                    self.assertEqual(self.files(folder), self.files(whole))
        self.finish(folder)
        self.assertEqual(self.files(folder), self.files(whole))
        # So has one that is read in another way.
        text = (folder / 'p.yaml').read_text()
        with open(folder / 'in.jsonl', 'a', encoding='utf-8') as more:
            more.write('{"n":1,"k":"c"}\n')
        (folder / 'p.yaml').write_text(text.replace('schema: {k: string, name: string}', 'schema: {k: string, name: int}'))
        self.finish(folder)
        self.assertIn(b'Ann', self.files(folder)['out/errors'])
        (folder / 'p.yaml').write_text(text)
        before = self.files(folder)['out/errors'].count(b'Bob')
        # Another version has rejects of its own.
        with open(folder / 'names.csv', 'a', encoding='utf-8') as names:
            names.write('d,Dan\n')
        with open(folder / 'in.jsonl', 'a', encoding='utf-8') as more:
            more.write('{"n":1,"k":"d"}\n')
        self.finish(folder)
        self.assertEqual(self.files(folder)['out/errors'].count(b'Bob'), before + 1)

    def test_time_of_a_table_that_has_not_changed(self):
        folder = self.joined(', steps: [with: {read: current_timestamp()}]')
        self.assertEqual(self.run_in(folder, '--batches', '2').returncode, 0)
        self.finish(folder)
        rows = self.files(folder)['out/all.jsonl'].decode().splitlines()
        self.assertEqual({json.loads(row)['read'] for row in rows}, {'1970-01-01T00:00:20Z'})
        self.assertEqual(self.replay(folder, '--batch', '80000').stdout.splitlines(), rows[21:28])

    def test_table_that_is_damaged_in_the_log(self):
        folder = self.joined()
        self.kill(folder, 'after-publish:2')
        with contextlib.closing(sqlite3.connect(folder / 'state' / 'log' / 'batches.db')) as log, log:
            log.execute("UPDATE parts SET bytes = CAST('x' AS BLOB)")
        self.refused(folder, 'forget what was read with --reset names')
        self.assertEqual(self.run_in(folder, '--reset', 'names').returncode, 0)

    def test_replay_of_one_output_rejects_what_all_of_them_read(self):
        text = pipeline(OUTPUTS['grows']).replace('from: r', 'from: s').replace('max_batch_records: 7', 'on_error: route') + """
  - {name: k, from: s, columns: [k], file: {path: out/k}}
  - {name: e, from: s.errors, columns: [raw], file: {path: out/e}, format: text}
"""
        text = text.replace('sources:', 'sources:\n  other: {file: {path: in.jsonl}}').replace('  - {name: k,', '  - {name: x, from: other, discard: {}}\n  - {name: k,')
        folder = self.folder(text)
        (folder / 'in.jsonl').write_text('{"n":1,"k":"a"}\n{"n":"x","k":"b"}\n')
        self.finish(folder)
        for output, name in (('k', 'out/k'), ('e', 'out/e'), ('o', 'out/all.jsonl')):
            shown = self.replay(folder, '--batch', '20000', '--output', output)
            self.assertEqual((shown.returncode, shown.stdout.encode(), shown.stderr), (0, self.files(folder)[name], ''))

    def test_replay_of_a_batch_that_was_only_begun(self):
        folder = self.joined()
        self.kill(folder, 'after-intent:1')
        shown = self.replay(folder, '--batch', '20000')
        self.assertEqual((shown.returncode, shown.stdout), (1, ''))
        self.assertIn('was begun, and had not read it yet', shown.stderr)

    def test_table_that_is_gone_between_kill_and_restart(self):
        folder = self.joined()
        self.kill(folder, 'after-publish:2')
        (folder / 'names.csv').rename(folder / 'away')
        self.refused(folder, "table 'names'")
        (folder / 'away').rename(folder / 'names.csv')
        self.finish(folder)
        whole = self.joined()
        self.finish(whole)
        self.assertEqual(self.files(folder), self.files(whole))

    def test_receiver_log(self):
        text = pipeline(OUTPUTS['grows']).replace('file: {path: in.jsonl}, ', 'stdin: {}, ').replace('max_batch_records: 7', 'max_batch_records: 7, receiver_log: true')
        records = [f'{{"n":{n},"k":"a"}}\n' for n in range(10)]

        def run(folder, given, *more):
            return subprocess.run([PROGRAM, 'p.yaml', '--available-now', '--start-time', '0', *more], cwd=folder,
                                  input=''.join(given), capture_output=True, text=True, timeout=60)
        for point in POINTS[1:]:
            with self.subTest(point):
                folder = self.folder(text)
                self.assertEqual(run(folder, records, '--kill-at', f'{point}:1').returncode, -signal.SIGKILL)
                again = run(folder, [])
                self.assertEqual((again.returncode, again.stderr), (0, ''))
                self.assertEqual((folder / 'out' / 'all.jsonl').read_text(), ''.join(records[:7]))
                shown = self.replay(folder, '--batch', '20000')
                self.assertEqual((shown.returncode, shown.stdout, shown.stderr), (0, ''.join(records[:7]), ''))
                self.assertEqual(run(folder, records[7:]).returncode, 0)
                self.assertEqual((folder / 'out' / 'all.jsonl').read_text(), ''.join(records[:7]))

    def test_receiver_log_that_is_taken_away_under_an_open_batch(self):
        text = pipeline(OUTPUTS['grows']).replace('file: {path: in.jsonl}, ', 'stdin: {}, receiver_log: true, ')
        folder = self.folder(text)
        killed = subprocess.run([PROGRAM, 'p.yaml', '--available-now', '--start-time', '0', '--kill-at', 'after-publish'], cwd=folder,
                                input='{"n":1,"k":"a"}\n', capture_output=True, text=True, timeout=60)
        self.assertEqual(killed.returncode, -signal.SIGKILL)
        (folder / 'p.yaml').write_text(text.replace('receiver_log: true, ', ''))
        self.refused(folder, 'leave `receiver_log: true` until the batch is done')

    def test_received_without_a_log(self):
        text = pipeline(OUTPUTS['grows']).replace('file: {path: in.jsonl}, ', 'stdin: {}, ')
        folder = self.folder(text)
        run = subprocess.run([PROGRAM, 'p.yaml', '--available-now', '--start-time', '0'], cwd=folder,
                             input='{"n":1,"k":"a"}\n', capture_output=True, text=True, timeout=60)
        self.assertIn('at most once', run.stderr)
        shown = self.replay(folder, '--batch', '20000')
        self.assertEqual((shown.returncode, shown.stdout), (1, ''))
        self.assertIn('cannot be read again', shown.stderr)

    def test_state_against_another_version(self):
        text = pipeline(OUTPUTS['grows'], '  - {name: p, from: s, file: {path: out/p}}')
        folder = self.folder(text)

        def diff(change, *more):
            (folder / 'next.yaml').write_text(change(text))
            run = subprocess.run([PROGRAM, 'state', 'p.yaml', '--diff', 'next.yaml', *more], cwd=folder, capture_output=True, text=True, timeout=60)
            self.assertEqual(run.stderr, '')
            return run.returncode, run.stdout

        def renamed(text):
            return text.replace('name: p', 'name: q')
        self.kill(folder, 'after-publish:3')
        code, told = diff(renamed)
        self.assertEqual(code, 1)
        self.assertIn('refused  output p: a batch was begun with it', told)
        self.finish(folder)
        self.assertEqual(diff(lambda text: text)[0], 0)
        code, told = diff(renamed)
        self.assertEqual([line.split(':')[0] for line in told.splitlines()], ['keeps    source s', 'keeps    output o', 'loses    output p', 'begins   output q'])
        self.assertEqual(code, 0)
        code, told = diff(lambda text: text.replace('file: {path: out/p}', 'print: {}'), '--format', 'json')
        self.assertEqual((code, [one['verdict'] for one in json.loads(told)]), (1, ['keeps', 'keeps', 'refused']))
        for change, verdict in ((lambda text: text.replace('name: crash', 'name: other'), 'refused'),
                                (lambda text: text.replace('state/log', 'state/new'), 'begins'),
                                (lambda text: text.replace('checkpoint', '# checkpoint'), 'loses')):
            code, told = diff(change)
            self.assertEqual((code, told.split()[0]), (verdict == 'refused', verdict))

    def test_pipeline_that_changes_under_an_open_batch(self):
        text = pipeline(OUTPUTS['grows'])
        changed = text.replace('n % 10 < 7', 'n % 10 < 3')
        folder = self.folder(text)
        self.kill(folder, 'after-publish:2')
        (folder / 'p.yaml').write_text(changed)
        told = subprocess.run([PROGRAM, 'state', 'p.yaml', '--diff', 'p.yaml'], cwd=folder, capture_output=True, text=True, timeout=60)
        self.assertIn('changes  part r step 1 (filter): batch 1970-01-01T00:00:40Z was begun with another', told.stdout)
        run = self.run_in(folder)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn('and r step 1 (filter) changed since: it is computed again with the pipeline as it is now', run.stderr)
        shown = self.replay(folder, '--batch', '20000')
        self.assertIn('note: r step 1 (filter) changed since the batch was computed', shown.stderr)
        self.assertEqual([json.loads(row)['n'] for row in shown.stdout.splitlines()], [0, 1, 2])
        # The batch is that of the pipeline that has taken it over.
        folder = self.folder(text)
        self.kill(folder, 'after-publish:2')
        (folder / 'p.yaml').write_text(changed)
        self.assertIn('changed since', self.kill(folder, 'after-publish:1').stderr)
        self.assertNotIn('changed since', self.run_in(folder).stderr)
        # So is `on_error`, and what rows' columns are in what order.
        for one, other in (('    from: r', '    from: r'), ('filter: n % 10 < 7', 'map: {n: n, k: k}')):
            before = text.replace(one, other)
            after = before.replace('{n: n, k: k}', '{k: k, n: n}') if 'map' in before else before + 'on_error: drop\n'
            folder = self.folder(before)
            self.kill(folder, 'after-publish:2')
            (folder / 'p.yaml').write_text(after)
            self.assertIn('changed since', self.run_in(folder).stderr)
        # What says the same is the same.
        folder = self.folder(text)
        self.kill(folder, 'after-publish:2')
        (folder / 'p.yaml').write_text(text.replace('[filter: n % 10 < 7]', '[{ "filter": n % 10 < 7 }]').replace('streams:', 'streams:  # as before'))
        self.finish(folder)

    def test_outputs_that_exchange_their_files(self):
        text = pipeline('file: {path: out/x.jsonl}', '  - {name: y, from: s, file: {path: out/y.jsonl}}')
        swapped = text.replace('out/x', 'out/z').replace('out/y', 'out/x').replace('out/z', 'out/y')
        folder = self.folder(text)
        self.assertEqual(self.run_in(folder, '--batches', '1').returncode, 0)
        first = self.files(folder)
        (folder / 'p.yaml').write_text(swapped)
        self.kill(folder, 'after-commit:2')
        self.finish(folder)
        whole = self.folder(text)
        self.assertEqual(self.run_in(whole, '--batches', '1').returncode, 0)
        (whole / 'p.yaml').write_text(swapped)
        self.finish(whole)
        self.assertEqual(self.files(folder), self.files(whole))
        for name in ('out/x.jsonl', 'out/y.jsonl'):
            self.assertTrue(self.files(folder)[name].startswith(first[name]))

    def test_output_and_source_that_went_before_a_crash(self):
        text = pipeline(OUTPUTS['grows'], '  - {name: x, from: t, file: {path: out/x.jsonl}}')
        text = text.replace('sources:', 'sources:\n  t: {file: {path: in.jsonl}, format: json, schema: {n: int}, max_batch_records: 5}')
        folder = self.folder(text)
        self.assertEqual(self.run_in(folder, '--batches', '1').returncode, 0)
        (folder / 'p.yaml').write_text(pipeline(OUTPUTS['grows']))
        self.assertEqual(self.run_in(folder, '--batches', '1').returncode, 0)
        self.kill(folder, 'after-publish:1')
        run = self.run_in(folder)
        self.assertEqual(run.returncode, 0, run.stderr)

    def test_window_over_ticks_that_take_nothing(self):
        text = pipeline('file: {path: out/all.jsonl}').replace('20s', '20ms').replace('in.jsonl}', 'in.jsonl, follow: true}')
        text = text.replace('filter: n % 10 < 7', 'count, reduce_by_window: {to: {batches: count(*)}, window: 10s}')
        folder = self.folder(text)
        for batches in ('5', '2'):
            run = subprocess.run([PROGRAM, 'p.yaml', '--batches', batches], cwd=folder, capture_output=True, text=True, timeout=60)
            self.assertEqual(run.returncode, 0, run.stderr)
        rows = [json.loads(row)['batches'] for row in self.files(folder)['out/all.jsonl'].decode().splitlines()]
        self.assertEqual(rows, list(range(1, 8)))

    def test_window_over_a_file_that_is_gone(self):
        text = pipeline('file: {path: out/all.jsonl}').replace('file: {path: in.jsonl}', 'directory: {path: in, max_files_per_batch: 1}')
        text = text.replace('filter: n % 10 < 7', 'count_by_window: {window: 60s}').replace(', max_batch_records: 7', '')
        folder = self.folder(text)
        (folder / 'in').mkdir()
        for n in range(4):
            (folder / 'in' / f'{n}.jsonl').write_text('{"n":1,"k":"a"}\n')
        self.assertEqual(self.run_in(folder).returncode, 0)
        (folder / 'in' / '3.jsonl').unlink()
        (folder / 'in' / '4.jsonl').write_text('{"n":1,"k":"a"}\n')
        run = self.run_in(folder)
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertIn('windows are without the rows of batch 1970-01-01T00:01:20Z, which cannot be computed again', run.stderr)
        rows = [json.loads(row)['count'] for row in self.files(folder)['out/all.jsonl'].decode().splitlines()]
        self.assertEqual(rows, [1, 2, 3, 3, 2])

    def test_window_that_is_longer_than_the_log(self):
        text = pipeline('file: {path: out/all.jsonl}').replace('state/log}', 'state/log, keep: 1}').replace('filter: n % 10 < 7', 'count_by_window: {window: 40s}')
        folder = self.folder(text)
        self.assertEqual(self.run_in(folder, '--batches', '5').returncode, 0)
        replayed = self.replay(folder, '--batch', '60000')
        self.assertEqual((replayed.returncode, replayed.stdout), (1, ''))
        self.assertEqual(self.replay(folder, '--batch', '100000').stdout, '{"count":14}\n')
        (folder / 'p.yaml').write_text(text.replace('40s', '100s'))
        run = self.run_in(folder, '--batches', '1')
        self.assertIn('windows look back over 100s, and the checkpoint no longer has the batches up to', run.stderr)

    def test_source_that_is_new_within_a_window(self):
        text = pipeline('file: {path: out/all.jsonl}').replace('filter: n % 10 < 7', 'window: {window: 200s}, limit: 1')
        added = text.replace('sources:', 'sources:\n  t: {file: {path: in.jsonl}, format: json, schema: {n: int}, max_batch_records: 5}')
        added += '  - {name: more, from: t, file: {path: out/more.jsonl}}\n'
        folder = self.folder(text)
        self.assertEqual(self.run_in(folder, '--batches', '2').returncode, 0)
        (folder / 'p.yaml').write_text(added)
        for _ in range(3):
            self.assertEqual(self.run_in(folder, '--batches', '2').returncode, 0)
        rows = [json.loads(row)['n'] for row in self.files(folder)['out/more.jsonl'].decode().splitlines()]
        self.assertEqual(rows, list(range(30)))

    def test_params_that_change_under_an_open_batch(self):
        text = pipeline(OUTPUTS['grows'], 'params: {most: {type: int, default: 7}}').replace('n % 10 < 7', "n % 10 < :most")
        folder = self.folder(text)
        self.kill(folder, 'after-publish:2')
        self.refused(folder, "with another value of param 'most': give it that value, with --param most=…", '--param', 'most=3')
        self.finish(folder)
        whole = self.folder(text)
        self.finish(whole)
        self.assertEqual(self.files(folder), self.files(whole))
        shown = self.replay(folder, '--batch', str(BATCH), '--param', 'most=3')
        self.assertEqual((shown.returncode, shown.stdout), (1, ''))
        self.assertIn("another value of param 'most'", shown.stderr)
        # Behind what is committed another value begins.
        self.assertEqual(self.run_in(folder, '--param', 'most=3').returncode, 0)
