"""Topics of a real broker, read."""
import contextlib
import signal
import subprocess
import time

from confluent_kafka import Producer
from kafka import KafkaConsumer, OffsetAndMetadata, TopicPartition
from kafka.admin import NewTopic
from kafka.errors import TopicAlreadyExistsError

from brokers.broker import GUARD, BrokerTest, lead, make_broker, tool, wait_for

ALL = ("[map: {k: cast(_key as string), v: value, p: _partition, o: _offset, "
       "h: \"array_join(transform(_headers, x -> concat(x.key, '=', cast(x.value as string))), ';')\"}]")


class Reading(BrokerTest):
    def test_keys_headers_and_tombstones(self):
        topic = self.topic()
        self.produce(topic, ['k1:one', ':two', 'k3:'], '-K:', '-Z', '-H', 'a=1', '-H', 'b=2')
        self.produce(topic, ['bare'])
        rows, _ = self.available(self.to_file(topic, steps=ALL))
        self.assertEqual(rows, ['k1,one,0,0,a=1;b=2', ',two,0,1,a=1;b=2', 'k3,,0,2,a=1;b=2', ',bare,0,3,'])

    def test_compressed_by_every_codec(self):
        for codec in ('gzip', 'snappy', 'lz4', 'zstd'):
            with self.subTest(codec):
                topic = self.topic()
                lines = [f'{codec} {i} ' + 'x' * 50 for i in range(500)]
                self.produce(topic, lines, '-z', codec)
                self.assertEqual(self.available(self.to_file(topic))[0], lines)

    def test_large_records(self):
        topic = self.topic(max_message_bytes=2_000_000)
        lines = [letter * 1_000_000 for letter in 'abc']
        self.produce(topic, lines, '-X', 'message.max.bytes=2000000')
        self.assertEqual(self.available(self.to_file(topic))[0], lines)

    def test_a_hundred_partitions(self):
        topic = self.topic(100)
        filled = range(1, 100, 4)
        for partition in filled:
            self.produce(topic, [f'{partition} {i}' for i in range(40)], '-p', str(partition))
        rows, _ = self.available(self.to_file(topic))
        self.assertEqual(rows, [f'{partition} {i}' for partition in filled for i in range(40)])
        by_batches = self.to_file(topic, 'group: by-batches, start: earliest').replace('text}', 'text, max_batch_records: 300}')
        rows, _ = self.available(by_batches)
        self.assertEqual(sorted(rows), sorted(f'{partition} {i}' for partition in filled for i in range(40)))

    def test_partitions_that_rest_while_a_backlog_is_read(self):
        topic = self.topic(4)  # 0 has nothing; 1 ends early in each batch, and goes on in the next
        for partition, count in ((1, 300), (2, 160_000), (3, 160_000)):
            self.produce(topic, [f'{partition} {i}' for i in range(count)], '-p', str(partition))
        pipeline = self.to_file(topic).replace('format: text', 'format: text, max_batch_records: 130000')
        rows, _ = self.available(pipeline)
        for partition, count in ((1, 300), (2, 160_000), (3, 160_000)):
            own = [row for row in rows if row.startswith(f'{partition} ')]
            self.assertEqual(own, [f'{partition} {i}' for i in range(count)])

    def test_start_at_a_time_and_at_offsets(self):
        topic = self.topic(2)
        for partition in (0, 1):
            self.produce(topic, [f'{partition} {i}' for i in range(10)], '-p', str(partition))
        rows, _ = self.available(self.to_file(topic, f'start: {{offsets: {{{topic}: {{0: 7}}}}}}'))
        self.assertEqual(rows, ['0 7', '0 8', '0 9', *(f'1 {i}' for i in range(10))])
        rows, _ = self.available(self.to_file(topic, 'group: by-time, start: {timestamp: 2001-01-01}'))
        self.assertEqual(len(rows), 20)
        rows, _ = self.available(self.to_file(topic, 'group: by-late-time, start: {timestamp: 2901-01-01}'))
        self.assertEqual(rows, [])
        rows, _ = self.available(self.to_file(topic, 'group: at-the-end'))
        self.assertEqual(rows, [])
        _, error = self.available(self.to_file(topic, f'group: too-far, start: {{offsets: {{{topic}: {{0: 11}}}}}}'), code=1)
        self.assertIn(f'{topic}[0]@11: `start` says to begin behind the end of the partition, which is 10', error)
        _, error = self.available(self.to_file(topic, f'group: too-many, start: {{offsets: {{{topic}: {{2: 0}}}}}}'), code=1)
        self.assertIn(f"{topic}[2]@0: `start` says to begin at a partition that is not there: topic '{topic}' has 2", error)

    def test_topics_by_a_pattern(self):
        first, second = self.topic(name='pattern-a'), self.topic(name='pattern-b')
        self.topic(name='other-pattern')
        self.produce(first, ['a'])
        self.produce(second, ['b'])
        pipeline = self.to_file('x').replace('topics: [x]', 'topic_pattern: "pattern-."')
        self.assertEqual(self.available(pipeline)[0], ['a', 'b'])

    def test_a_pattern_that_matches_nothing(self):
        pipeline = self.to_file('x').replace('topics: [x]', 'topic_pattern: "later-."')
        _, error = self.available(pipeline, code=1)
        self.assertIn(f"no topic at {self.address} matches 'later-.' as a whole", error)
        run = self.start(pipeline)
        self.assertIn("matches 'later-.' as a whole; waiting for one", run.process.stderr.readline().decode())
        self.produce(self.topic(name='later-a'), ['a'])
        wait_for(lambda: self.lines(run) == ['a'], 'the topic that has come')
        run.send(signal.SIGTERM)
        self.assertEqual(run.end()[::2], (0, ''))

    def test_a_record_larger_than_a_fetch(self):
        topic = self.topic(max_message_bytes=20_000_000)
        lines = ['a', 'b' * 15_000_000, 'c']
        self.produce(topic, lines, '-X', 'message.max.bytes=20000000')
        self.assertEqual(self.available(self.to_file(topic))[0], lines)

    def test_blank_records(self):
        topic = self.topic()
        producer = Producer({'bootstrap.servers': self.address})
        for value in ('{"a":1}', '', None, ' ', '{"a":2}'):
            producer.produce(topic, value)
        producer.flush()
        pipeline = self.to_file(topic).replace('format: text', 'format: json, schema: {a: int}, on_error: drop')
        rows, error = self.available(pipeline)
        self.assertEqual(rows, ['1', '', '2'])
        self.assertIn(f'{topic}[0]@1: ', error)
        self.assertIn('dropped 2 records', error)

    def test_times_that_are_none(self):
        topic = self.topic(message_timestamp_type='CreateTime', retention_ms=-1)
        producer = Producer({'bootstrap.servers': self.address})
        for value, time_of_it in (('a', 1000), ('b', 2**63 - 1), ('c', 2000)):
            producer.produce(topic, value, timestamp=time_of_it)
        producer.flush()
        pipeline = self.to_file(topic, steps='[map: {v: value, t: unix_millis(_timestamp)}]')
        _, error = self.available(pipeline, code=1)
        self.assertIn(f'{topic}[0]@1: in: its timestamp of 9223372036854775807 ms since 1970', error)
        rows, error = self.available(pipeline.replace('format: text', 'format: text, on_error: drop'))
        self.assertEqual(rows, ['a,1000', 'c,2000'])
        # Nobody looks at it.
        self.assertEqual(self.available(self.to_file(topic, 'start: earliest, group: untimed'))[0], ['a', 'b', 'c'])

    def test_limits(self):
        topic = self.topic(2)
        for partition in (0, 1):
            self.produce(topic, [f'{partition} {i}' for i in range(50)], '-p', str(partition))
        pipeline = self.to_file(topic).replace('format: text', 'format: text, max_batch_records: 20')
        rows, _ = self.available(pipeline.replace('steps: []', 'steps: [count]'))
        self.assertEqual(rows, ['20'] * 5)

    def test_a_missing_topic_is_an_error(self):
        _, error = self.available(self.to_file('nowhere'), code=1)
        self.assertIn(f"there is no topic 'nowhere' at {self.address}", error)

    def test_a_record_that_cannot_be_read_has_its_place(self):
        topic = self.topic()
        self.produce(topic, ['{"a":1}', '{"a":x}'])
        pipeline = self.to_file(topic).replace('format: text', 'format: json, schema: {a: int}')
        _, error = self.available(pipeline, code=1)
        self.assertIn(f'{topic}[0]@1: in: not a JSON object', error)


class Gaps(BrokerTest):
    def test_a_compacted_topic(self):
        topic = self.topic(cleanup_policy='compact', segment_bytes=1000, min_cleanable_dirty_ratio=0.01, max_compaction_lag_ms=100,
                           delete_retention_ms=0)
        # The last record of each key stays, and the segment that is written to.
        for i in range(30):
            self.produce(topic, [f'k{j}:{i} ' + 'x' * 60 for j in range(5)], '-K:')

        def compacted():
            return len(self.consume(topic)) < 100
        wait_for(compacted, 'compaction')
        kept = self.consume(topic, '%o %s')
        self.configure(topic, cleanup_policy='delete')
        rows, _ = self.available(self.to_file(topic, steps="[map: {x: \"concat(_offset, ' ', value)\"}]"))
        self.assertEqual(rows[-5:], kept[-5:])
        self.assertLess(len(rows), 150)

    def test_aborted_transactions(self):
        topic = self.topic()
        self.produce(topic, ['one'])
        self.produce(topic, ['two'], '-X', 'transactional.id=good')
        producer = Producer({'bootstrap.servers': self.address, 'transactional.id': 'bad'})
        producer.init_transactions()
        producer.begin_transaction()
        for _ in range(2):
            producer.produce(topic, 'bad')
        producer.flush()
        self.assertEqual(len(self.consume(topic, '%s', '-X', 'isolation.level=read_uncommitted')), 4)
        producer.abort_transaction()
        self.produce(topic, ['three'])
        wait_for(lambda: self.end(topic) == 7, 'the ends of the transactions')
        self.assertEqual(self.consume(topic), ['one', 'two', 'three'])
        rows, _ = self.available(self.to_file(topic))
        self.assertEqual(rows, ['one', 'two', 'three'])

    def test_a_topic_that_ends_in_a_control_record(self):
        topic = self.topic()
        self.produce(topic, ['a', 'b'], '-X', 'transactional.id=last')
        wait_for(lambda: self.end(topic) == 3, 'the end of the transaction')
        self.assertEqual(self.available(self.to_file(topic))[0], ['a', 'b'])
        self.assertEqual(self.available(self.to_file(topic))[0], [])
        self.assertEqual(self.group(f'copy-{topic}')[topic, 0], 3)

    def test_records_deleted_by_retention(self):
        topic = self.topic(segment_bytes=1000)
        self.produce(topic, ['first'])
        self.assertEqual(self.available(self.to_file(topic))[0], ['first'])
        for i in range(10):
            self.produce(topic, [f'{i}' + 'x' * 600])
        self.configure(topic, retention_bytes=1, segment_bytes=1000)
        wait_for(lambda: self.end(topic, which=-2) > 1, 'retention')
        _, error = self.available(self.to_file(topic), code=1)
        self.assertIn(f'{topic}[0]@1: group \'copy-{topic}\' stands at a record that is no longer there', error)

    def test_a_topic_made_anew(self):
        topic = self.topic()
        self.produce(topic, ['a', 'b', 'c'])
        run = self.start(self.to_file(topic).replace('50ms', '3s'))
        wait_for(lambda: self.group(f'copy-{topic}') == {(topic, 0): 3}, 'the records')
        # Between two batches, so that only its end tells. The group's offsets went with the topic.
        self.delete(topic)
        self.topic(name=topic)
        self.produce(topic, ['d'])
        code, _, error, _ = run.end()
        self.assertEqual(code, 1, error)
        self.assertIn(topic, error)
        self.assertIn('deleted', error)

    def make_anew(self, topic, lines):
        """At once, so that whoever looks now and then never sees it gone."""
        admin = self.admin()
        admin.delete_topics([topic])

        def made():
            with contextlib.suppress(TopicAlreadyExistsError):
                return admin.create_topics([NewTopic(topic, 1, 1)])
        wait_for(made, 'the end of the topic')
        self.wait_for_topic(topic, 1)
        self.produce(topic, lines)

    def test_a_topic_made_anew_with_more_records(self):
        new = [f'new {i}' for i in range(10)]
        # Seen as missing, as shorter, or by nothing but the group's offsets, which went with it.
        for interval in ('50ms', '250ms', '1s', '3s'):
            with self.subTest(interval):
                topic = self.topic()
                self.produce(topic, ['a', 'b', 'c'])
                run = self.start(self.to_file(topic).replace('50ms', interval))
                wait_for(lambda: self.group(f'copy-{topic}') == {(topic, 0): 3}, 'the records')
                self.make_anew(topic, new)
                code, _, error, _ = run.end()
                self.assertEqual(code, 1, error)
                self.assertIn(topic, error)
                # What it had read of the old one is not committed to the new one, whose records are all there still.
                self.assertEqual(self.group(f'copy-{topic}'), {})
                self.assertEqual(self.available(self.to_file(topic))[0], new)

    def test_a_group_that_is_reset_while_it_is_used(self):
        topic = self.topic()
        self.produce(topic, ['a'])
        run = self.start(self.to_file(topic))
        wait_for(lambda: self.group(f'copy-{topic}') == {(topic, 0): 1}, 'the first record')
        self.reset(f'copy-{topic}')
        self.produce(topic, ['b'])
        code, _, error, _ = run.end()
        self.assertEqual(code, 1, error)
        self.assertIn(f"{topic}[0]@1: the offset of group 'copy-{topic}' is gone", error)
        self.assertEqual(self.lines(run), ['a'])


class Progress(BrokerTest):
    def leave_note(self, group, topic, offset, text='a note'):
        client = KafkaConsumer(bootstrap_servers=self.address, group_id=group, enable_auto_commit=False)
        client.assign([TopicPartition(topic, 0)])
        client.commit({TopicPartition(topic, 0): OffsetAndMetadata(offset, text)})
        client.close()
        self.assertEqual(self.note(group, topic), text)

    def note(self, group, topic):
        return self.admin().list_consumer_group_offsets(group)[TopicPartition(topic, 0)].metadata

    def test_a_restart_goes_on_from_the_groups_offsets(self):
        topic = self.topic(2)
        self.produce(topic, ['a', 'b'], '-p', '0')
        self.assertEqual(self.available(self.to_file(topic))[0], ['a', 'b'])
        self.assertEqual(self.group(f'copy-{topic}'), {(topic, 0): 2, (topic, 1): 0})
        self.produce(topic, ['c'], '-p', '1')
        self.assertEqual(self.available(self.to_file(topic))[0], ['c'])
        self.assertEqual(self.group(f'copy-{topic}'), {(topic, 0): 2, (topic, 1): 1})

    def test_partitions_that_come_while_nothing_runs(self):
        topic = self.topic(1, name='grows-1')
        pipeline = self.to_file(topic, 'group: grown, start: latest').replace('topics: [grows-1]', 'topic_pattern: "grows-."')
        self.assertEqual(self.available(pipeline)[0], [])
        self.add_partitions(topic, 2)
        self.topic(1, name='grows-2')
        self.produce(topic, ['a'], '-p', '0')
        self.produce(topic, ['b'], '-p', '1')
        self.produce('grows-2', ['c'])
        self.assertEqual(self.available(pipeline)[0], ['a', 'b', 'c'])
        other = pipeline.replace('grown', 'another')
        self.assertEqual(self.available(other)[0], [])
        timed = self.to_file('grows-1', 'group: timed, start: {timestamp: 2901-01-01}')
        self.assertEqual(self.available(timed)[0], [])
        self.add_partitions('grows-1', 3)
        self.produce('grows-1', ['d'], '-p', '2')
        self.assertEqual(self.available(timed)[0], ['d'])

    def test_nothing_is_committed_before_all_outputs_have_finished(self):
        topic = self.topic()
        self.produce(topic, ['a'])
        pipeline = self.to_file(topic) + "  - {name: last, from: s, pipe: {command: ['false']}}\n"
        pipeline = pipeline.replace('outputs: [{', 'outputs:\n  - {').replace('csv}]', 'csv}')
        self.run_to_end(pipeline, '--available-now', '--allow-exec', code=1)
        self.assertEqual(self.group(f'copy-{topic}'), {})

    def test_offsets_are_committed_batch_by_batch_and_at_the_stop(self):
        topic = self.topic()
        run = self.start(self.to_file(topic))
        self.produce(topic, ['a'])
        wait_for(lambda: self.lines(run) == ['a'], 'the first record')
        wait_for(lambda: self.group(f'copy-{topic}') == {(topic, 0): 1}, 'its offset')
        self.produce(topic, ['b'])
        wait_for(lambda: self.lines(run) == ['a', 'b'], 'the second record')
        wait_for(lambda: self.group(f'copy-{topic}') == {(topic, 0): 2}, 'its offset')
        # At the stop they go once more, in place of what somebody else has left there.
        self.leave_note(f'copy-{topic}', topic, 2)
        run.send(signal.SIGTERM)
        code, _, error, _ = run.end()
        self.assertEqual((code, error), (0, ''))
        self.assertEqual(self.group(f'copy-{topic}'), {(topic, 0): 2})
        self.assertRegex(self.note(f'copy-{topic}', topic), r'^\{"batch":\d+,"streamrun":1\}$')

    def by_batch(self, topic, interval='1h'):
        return self.to_file(topic, steps='[]').replace('50ms', interval).replace('path: out', 'path: "{batch}"')

    def files(self, *runs):
        return [sorted(path.name for path in run.folder.glob('[0-9]*')) for run in runs]

    def test_a_restart_names_its_batches_behind_those_of_the_run_before(self):
        topic = self.topic(2)
        names = []
        for more in ([], [], ['--start-time', '0'], ['--start-time', '0']):
            self.produce(topic, ['a', 'b', 'c'], '-p', '1')
            pipeline = self.by_batch(topic).replace('format: text', 'format: text, max_batch_records: 1')
            run = self.start(pipeline, '--available-now', *more)
            code, _, error, _ = run.end()
            self.assertEqual(code, 0, error)
            names += self.files(run)[0]
        self.assertEqual(len(names), 12)
        hour = 3_600_000
        self.assertEqual([int(name) for name in names], [int(names[0]) + i * hour for i in range(12)])

    def test_batches_that_take_nothing_count_where_they_are_ahead_of_the_clock(self):
        topic = self.topic()
        pipeline = self.by_batch(topic).replace('steps: []', 'steps: [count]')
        names = []
        for _ in range(3):
            run = self.start(pipeline, '--available-now')
            self.assertEqual(run.end()[0], 0)
            names += self.files(run)[0]
        self.assertEqual(len(set(names)), 3, names)

    def test_notes_of_others_are_no_batch_times(self):
        topic = self.topic()
        for i, text in enumerate(['a note', '{"batch":99999999999999,"streamrun":2}', '{"batch":"x","streamrun":1}', '[1]',
                                  '{"batch":9223372036854775807,"streamrun":1}', '{"batch":-1,"streamrun":1}', '{']):
            with self.subTest(text):
                self.leave_note(f'copy-{topic}', topic, i, text)
                self.produce(topic, [text])
                run = self.start(self.by_batch(topic), '--available-now')
                self.assertEqual(run.end()[0], 0)
                name, = self.files(run)[0]
                self.assertLess(int(name) / 1000 - time.time(), 3600)

    def two_sources(self, topic, second, group='g'):
        return f"""
name: two-{topic}
batch_interval: 50ms
sources:
  a: {{kafka: {{brokers: "{self.address}", topics: [{topic}], start: earliest, group: g}}, format: text}}
  b: {{kafka: {{{second}, start: earliest, group: {group}}}, format: text}}
outputs: [{{name: o, from: a, file: {{path: out}}, format: csv}}, {{name: p, from: b, file: {{path: two}}, format: csv}}]
"""

    def test_two_sources_in_one_group(self):
        topic = self.topic()
        self.produce(topic, ['a'])
        port, = tool.free_ports(1)
        lead(port, self.address)
        # As only the brokers tell.
        elsewhere = f'brokers: "localhost:{port}", topics: [{topic}]'
        for second in (elsewhere, f'brokers: "{self.address}, {self.address}", topic_pattern: "{topic}"'):
            with self.subTest(second):
                _, error = self.available(self.two_sources(topic, second), code=1)
                self.assertIn(f"source 'a' reads topic '{topic}' as group 'g' of this cluster already", error)
        rows, _ = self.available(self.two_sources(topic, elsewhere, group='h'))
        self.assertEqual(rows, ['a'])

    def test_two_pipelines_in_one_group(self):
        topic = self.topic()
        runs = [self.start(self.to_file(topic, 'group: both, start: earliest')) for _ in range(2)]
        sent = 0

        def one_has_ended():
            nonlocal sent
            self.produce(topic, [str(sent)])
            sent += 1
            return [run for run in runs if run.process.poll() is not None]
        ended = wait_for(one_has_ended, 'one of them to notice')[0]
        self.assertEqual(ended.process.returncode, 1)
        self.assertIn("group 'both' is used by another program too", ended.process.stderr.read().decode())
        for run in runs:
            if run is not ended and run.process.poll() is None:
                run.send(signal.SIGTERM)
                run.process.wait()

    def test_partitions_added_under_load(self):
        topic = self.topic(1)
        run = self.start(self.to_file(topic))
        load = subprocess.Popen(['kcat', '-b', self.address, '-P', '-t', topic, '-p', '0', '-X', 'linger.ms=1'],
                                stdin=subprocess.PIPE, text=True)
        for i in range(1000):
            load.stdin.write(f'old {i}\n')
        load.stdin.flush()
        wait_for(lambda: len(self.lines(run)) > 0, 'the first records')
        self.add_partitions(topic, 3)
        self.produce(topic, ['new 1', 'new 2'], '-p', '2')
        load.communicate('last\n')
        wait_for(lambda: len(self.lines(run)) == 1003, 'all records')
        run.send(signal.SIGTERM)
        self.assertEqual(run.end()[0], 0)
        self.assertEqual([line for line in self.lines(run) if line.startswith('new')], ['new 1', 'new 2'])

    def test_a_topic_deleted_while_it_is_read(self):
        # Between batches the client itself sees it first, and has something to say about each of the partitions.
        for interval, partitions in (('50ms', 1), ('1s', 1), ('1s', 4)):
            with self.subTest(interval, partitions=partitions):
                topic = self.topic(partitions)
                self.produce(topic, ['a'], '-p', '0')
                run = self.start(self.to_file(topic).replace('50ms', interval))
                wait_for(lambda: self.lines(run) == ['a'], 'the first record')
                wait_for(lambda: self.group(f'copy-{topic}').get((topic, 0)) == 1, 'its offset')
                self.delete(topic)
                code, _, error, _ = run.end()
                self.assertEqual(code, 1, error)
                self.assertIn(topic, error)


class Away(BrokerTest):
    """The broker is one of its own."""

    def setUp(self):
        self.use(make_broker(started=False))
        self.addCleanup(self.broker.stop, signal.SIGKILL)

    def test_away_at_the_start(self):
        # At an address of its own, which leads to the broker from a moment on: a broker may take longer to start than
        # it is waited for.
        self.broker.start()
        port, = tool.free_ports(1)
        run = self.start(self.to_file('t', 'start: earliest').replace(self.address, f'127.0.0.1:{port}'))
        told = run.process.stderr.readline().decode()
        self.assertIn(f'of Kafka at 127.0.0.1:{port}: ', told)
        self.assertIn('Connection refused; trying again', told)
        lead(port, self.address)
        code, _, error, _ = run.end()
        self.assertEqual(code, 1)
        self.assertIn("there is no topic 't'", error)

    def check_away(self, seconds):
        self.broker.start()
        topic = self.topic()
        run = self.start(self.to_file(topic))
        self.produce(topic, ['a'])
        wait_for(lambda: self.lines(run) == ['a'], 'the first record')
        self.broker.stop(signal.SIGKILL)
        told = run.process.stderr.readline().decode()
        self.assertIn(f'Kafka at {self.address}', told)
        since = time.monotonic()
        wait_for(lambda: time.monotonic() - since >= seconds, 'that time passes', guard=2 * GUARD)
        self.assertIsNone(run.process.poll())
        self.broker.launch()
        self.broker.wait()
        self.produce(topic, ['b'])
        wait_for(lambda: self.lines(run) == ['a', 'b'], 'the record behind the restart')
        run.send(signal.SIGTERM)
        code, _, error, _ = run.end()
        self.assertEqual(code, 0, error)

    def test_away_and_back(self):
        self.check_away(0)

    def test_away_for_a_minute(self):
        self.check_away(60)

    def test_a_clean_restart_of_the_broker(self):
        # One that goes down says last that nobody leads a partition, and one that comes up may know of none yet.
        self.broker.start()
        topics = [self.topic(4) for _ in range(4)]
        runs = [self.start(self.to_file(topic).replace('50ms', f'{100 * (i + 1)}ms')) for i, topic in enumerate(topics)]
        for topic, run in zip(topics, runs):
            self.produce(topic, ['a'])
            wait_for(lambda run=run: self.lines(run) == ['a'], 'the first record')
        self.broker.stop()
        self.broker.launch()
        self.broker.wait()
        for topic, run in zip(topics, runs):
            self.produce(topic, ['b'])
            wait_for(lambda run=run: self.lines(run) == ['a', 'b'] or run.process.poll() is not None, 'the record behind it')
            if run.process.returncode is not None:
                self.fail(run.process.stderr.read().decode())
            wait_for(lambda topic=topic: sum(self.group(f'copy-{topic}').values()) == 2, 'its offset')
            run.send(signal.SIGTERM)
            code, _, error, _ = run.end()
            self.assertEqual(code, 0, error)

    def test_damaged_records(self):
        self.broker.launch()
        self.broker.wait()
        topic = self.topic()
        self.produce(topic, range(1000))
        self.broker.stop()
        log, = (self.broker.folder / 'data' / f'{topic}-0').glob('*.log')
        damaged = bytearray(log.read_bytes())
        damaged[len(damaged) // 2] ^= 0x55
        log.write_bytes(damaged)
        self.broker.launch()
        self.broker.wait()
        _, error = self.available(self.to_file(topic), code=1)
        self.assertRegex(error, rf'{topic}\[0\]@\d+: what the broker has here is damaged: ')

    def test_hangs_within_a_batch(self):
        self.broker.start()
        topic = self.topic()
        lines = [f'{i} ' + 'x' * 1000 for i in range(30_000)]
        self.produce(topic, lines)
        run = self.start(self.to_file(topic), '--available-now')
        wait_for(lambda: (run.folder / 'out').exists() or list(run.folder.glob('.*')), 'the first bytes')
        subprocess.run(['kill', '-STOP', str(self.broker.pid())], check=True)
        subprocess.run(['kill', '-CONT', str(self.broker.pid())], check=True)
        code, _, error, _ = run.end()
        self.assertEqual(code, 0, error)
        self.assertEqual(self.lines(run), lines)

    def test_stops_at_the_first_signal_while_it_waits_at_the_start(self):
        run = self.start(self.to_file('t'))
        self.assertIn('trying again', run.process.stderr.readline().decode())
        run.send(signal.SIGINT)
        code, _, error, _ = run.end()
        # No batch has begun; why it waited has been said.
        self.assertEqual((code, error), (0, ''))

    def test_stops_at_the_first_signal_within_a_batch(self):
        self.broker.start()
        topic = self.topic()
        self.produce(topic, [f'{i} ' + 'x' * 1000 for i in range(100_000)])
        run = self.start(self.to_file(topic).replace('{path: out}', '{path: out, exists: replace}'), '--available-now')
        wait_for(lambda: list(run.folder.glob('.*')) or list(run.folder.glob('out*')), 'the first bytes')
        subprocess.run(['kill', '-STOP', str(self.broker.pid())], check=True)
        run.send(signal.SIGINT)
        code, _, error, _ = run.end()
        subprocess.run(['kill', '-CONT', str(self.broker.pid())], check=True)
        if code != 0:  # it may have read all before, or committed as well
            self.assertRegex(error, f'(stopped while|cannot commit offsets to) Kafka at {self.address}')

    def test_stops_in_good_order_while_it_hangs(self):
        self.broker.start()
        topic = self.topic()
        run = self.start(self.to_file(topic))
        self.produce(topic, ['a'])
        wait_for(lambda: self.lines(run) == ['a'], 'the first record')
        wait_for(lambda: self.group(f'copy-{topic}') == {(topic, 0): 1}, 'its offset')
        self.hang()
        run.send(signal.SIGINT)
        code, _, error, _ = run.end()
        self.assertEqual((code, error), (0, ''))

    def test_stops_in_good_order_while_away(self):
        self.broker.start()
        topic = self.topic()
        run = self.start(self.to_file(topic))
        self.produce(topic, ['a'])
        wait_for(lambda: self.lines(run) == ['a'], 'the first record')
        wait_for(lambda: self.group(f'copy-{topic}') == {(topic, 0): 1}, 'its offset')
        self.broker.stop(signal.SIGKILL)
        self.assertIn('Kafka at', run.process.stderr.readline().decode())
        run.send(signal.SIGTERM)
        self.assertIn(run.end()[0], (0, 1))
