"""Kafka to Kafka and files with a checkpoint: killed at every point, and each record is there once."""
import json
import os
import random
import signal
import subprocess

from brokers.broker import BrokerTest, make_broker, wait_for
from processes.process import PROGRAM

POINTS = ('after-intent', 'after-compute', 'before-publish', 'after-publish', 'after-commit')
RECORDS = 60


class OnceTest(BrokerTest):
    """A topic to a topic and two files."""

    def pipeline(self, source, sink, group='once'):
        return f"""
name: once-{sink}
batch_interval: 20ms
concurrent_outputs: 2
checkpoint: {{path: log}}
sources:
  in: {{kafka: {{brokers: "{self.address}", topics: [{source}], group: {group}-{sink}, start: earliest}}, format: text, max_batch_records: 7}}
outputs:
  - {{name: topic, from: in, kafka: {{brokers: "{self.address}", topic: {sink}}}, format: text, columns: [value]}}
  - {{name: grows, from: in, file: {{path: out}}, format: text, columns: [value]}}
  - {{name: each, from: in, file: {{path: "each/{{batch}}"}}, format: text, columns: [value]}}
"""

    def committed(self, topic):
        return self.consume(topic, '%s', '-X', 'isolation.level=read_committed')

    def each(self, folder):
        return [line for path in sorted((folder / 'each').iterdir()) for line in path.read_text().splitlines()]

    def check(self, run, sink, expected):
        self.assertEqual(self.lines(run), expected)
        self.assertEqual(self.each(run.folder), expected)
        self.assertEqual(self.committed(sink), expected)

    def killed(self, run, more, pipeline):
        run = self.start(pipeline, '--available-now', *more, folder=run and run.folder)
        code, _, error, _ = run.end()
        self.assertIn(code, (0, -signal.SIGKILL), error)
        return run, code


class ExactlyOnce(OnceTest):
    def test_killed_at_each_point(self):
        source = self.topic()
        expected = [f'record {i}' for i in range(RECORDS)]
        self.produce(source, expected)
        for point in POINTS:
            with self.subTest(point):
                sink = self.topic()
                pipeline = self.pipeline(source, sink)
                run, code = self.killed(None, ('--kill-at', f'{point}:5'), pipeline)
                self.assertEqual(code, -signal.SIGKILL)
                for again in (f'{point}:1', f'{point}:2'):
                    self.killed(run, ('--kill-at', again), pipeline)
                self.killed(run, (), pipeline)
                self.check(run, sink, expected)

    def test_killed_again_and_again_while_records_come(self):
        source, sink = self.topic(partitions=2), self.topic()
        pipeline, expected, run = self.pipeline(source, sink), [], None
        draw = random.Random(7)
        for kill in range(40):
            more = [f'{kill} {i}' for i in range(50)]
            self.produce(source, more)
            run = self.start(pipeline, folder=run and run.folder)
            aim = len(expected) + draw.randint(1, len(more))
            wait_for(lambda run=run, aim=aim: len(self.lines(run)) >= aim, f'record {aim}')
            expected += more
            run.process.kill()
            run.end()
        self.killed(run, (), pipeline)
        for found in (self.lines(run), self.each(run.folder), self.committed(sink)):
            self.assertEqual(sorted(found), sorted(expected))

    def test_pipeline_that_changes_under_a_batch_that_a_topic_has(self):
        source, sink = self.topic(), self.topic()
        expected = [f'record {i}' for i in range(RECORDS)]
        self.produce(source, expected)
        pipeline = self.pipeline(source, sink).replace('concurrent_outputs: 2', 'concurrent_outputs: 1')
        run, code = self.killed(None, ('--kill-at', 'after-publish:5'), pipeline)
        self.assertEqual(code, -signal.SIGKILL)
        changed = pipeline.replace('name: each, from: in', 'name: each, from: in, when: rows > 3')
        code, _, error, _ = self.start(changed, '--available-now', folder=run.folder).end()
        self.assertEqual(code, 1)
        self.assertIn("output 'topic' has published it, and output 'each' changed since", error)
        renamed = pipeline.replace('name: topic', 'name: renamed')
        code, _, error, _ = self.start(renamed, '--available-now', folder=run.folder).end()
        self.assertEqual(code, 1)
        self.assertIn("output 'topic', which may have published it, is gone", error)
        self.killed(run, (), pipeline)
        self.check(run, sink, expected)

    def test_a_later_instance_fences_the_first(self):
        source, sink = self.topic(), self.topic()
        self.produce(source, ['a'])
        first = self.start(self.pipeline(source, sink))
        wait_for(lambda: self.committed(sink) == ['a'], 'the first record')
        # With a checkpoint and a group of its own, or these would keep it out.
        second = self.start(self.pipeline(source, sink, group='twin'))

        def ended():
            self.produce(source, ['b'])
            return os.waitid(os.P_PID, first.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        wait_for(ended, 'the end of the first')
        code, _, error, _ = first.end()
        self.assertEqual(code, 1)
        self.assertIn("another instance has taken over the transactions of 'streamrun.once-", error)
        second.send(signal.SIGINT)
        self.assertEqual(second.end()[0], 0)

    def test_a_second_instance_is_kept_out_by_the_checkpoint(self):
        source, sink = self.topic(), self.topic()
        self.produce(source, ['a'])
        first = self.start(self.pipeline(source, sink))
        wait_for(lambda: self.committed(sink) == ['a'], 'the first record')
        code, _, error, _ = self.start(self.pipeline(source, sink), folder=first.folder).end()
        self.assertEqual(code, 1)
        self.assertIn(f'another instance runs with the checkpoint \'log\': process {first.process.pid} on ', error)
        first.send(signal.SIGINT)
        self.assertEqual(first.end()[0], 0)

    def test_lag(self):
        source, sink = self.topic(partitions=2), self.topic()
        self.produce(source, ['a', 'b', 'c'])
        run, _ = self.killed(None, (), self.pipeline(source, sink))
        self.produce(source, ['d', 'e'])

        def state():
            shown = subprocess.run([PROGRAM, 'state', 'case.yaml', '--format', 'json'], cwd=run.folder, capture_output=True, text=True, timeout=60)
            self.assertEqual((shown.returncode, shown.stderr), (0, ''))
            return json.loads(shown.stdout)['sources']['in']
        self.assertEqual(state()['lag'], {'records': 2})
        self.hang()
        self.assertIsNone(state()['lag'])
        self.assertEqual(state()['fault'], 'it does not answer')

    def test_records_that_are_gone(self):
        source, sink = self.topic(), self.topic()
        self.produce(source, ['a', 'b'])
        run, code = self.killed(None, (), self.pipeline(source, sink))
        self.assertEqual(code, 0)
        self.delete(source)
        self.topic(name=source)
        code, _, error, _ = self.start(self.pipeline(source, sink), '--available-now', folder=run.folder).end()
        self.assertEqual(code, 1)
        self.assertIn('the checkpoint stands behind the end of the partition', error)
        self.assertIn('--reset', error)


class ExactlyOnceAway(OnceTest):
    """With a broker of its own, that goes."""

    def setUp(self):
        self.use(make_broker())
        self.addCleanup(self.broker.stop, signal.SIGKILL)

    def test_coordinator_that_is_away_at_recovery(self):
        source, sink = self.topic(), self.topic()
        expected = [f'record {i}' for i in range(RECORDS)]
        self.produce(source, expected)
        pipeline = self.pipeline(source, sink)
        run, code = self.killed(None, ('--kill-at', 'after-publish:8'), pipeline)
        self.assertEqual(code, -signal.SIGKILL)
        self.broker.stop()
        run = self.start(pipeline, '--available-now', folder=run.folder)
        self.assertIn(f'Kafka at {self.address}', run.process.stderr.readline().decode())
        self.broker.launch()
        self.broker.wait()
        code, _, error, _ = run.end()
        self.assertEqual(code, 0, error)
        self.check(run, sink, expected)

    def test_broker_that_restarts_while_batches_are_committed(self):
        source, sink = self.topic(), self.topic()
        pipeline, expected = self.pipeline(source, sink), []
        run = self.start(pipeline)
        for turn in range(4):
            more = [f'{turn} {i}' for i in range(100)]
            self.produce(source, more)
            expected += more
            wait_for(lambda: len(self.lines(run)) > len(expected) - 80 or run.process.poll() is not None, 'some of them')
            self.broker.stop(signal.SIGKILL if turn % 2 else signal.SIGTERM)
            self.broker.launch()
            self.broker.wait()
        if run.process.poll() is None:
            wait_for(lambda: len(self.lines(run)) == len(expected) or run.process.poll() is not None, 'all of them')
            run.send(signal.SIGINT)
        run.end()
        self.killed(run, (), pipeline)
        self.check(run, sink, expected)
