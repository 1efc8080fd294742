"""Topics of a real broker, written."""
import json
import os
import signal

from brokers.broker import BrokerTest, make_broker, wait_for


class Writing(BrokerTest):
    def pipeline(self, rows, kafka, more='format: json', schema='{id: int, k: string, v: string}'):
        return f"""
batch_interval: 50ms
sources: {{in: {{queue: {{batches: [{json.dumps(rows)}]}}, schema: {schema}}}}}
outputs:
  - {{name: o, from: in, kafka: {{brokers: "{self.address}", {kafka}}}, {more}}}
"""

    def test_keys_headers_and_timestamps(self):
        topic = self.topic(retention_ms=-1)  # its records are of 1970
        rows = [{'id': 1, 'k': 'a', 'v': 'x'}, {'id': 2, 'k': None, 'v': None}]
        self.run_to_end(self.pipeline(rows, f"""topic: {topic}, key: k, timestamp: "timestamp_millis(id * 1000L)",
            headers: "array(named_struct('key', 'id', 'value', cast(cast(id as string) as binary)))" """))
        self.assertEqual(self.consume(topic, '%K %k %h %T %s'),
                         ['1 a id=1 1000 {"id":1,"k":"a","v":"x"}', '-1  id=2 2000 {"id":2,"k":null,"v":null}'])

    def test_formats_of_one_column_have_tombstones(self):
        rows = [{'v': 'x\ny'}, {'v': None}, {'v': ''}]
        for form in ('text', 'raw'):
            with self.subTest(form):
                topic = self.topic()
                self.run_to_end(self.pipeline(rows, f'topic: {topic}', f'columns: [v], format: {form}'))
                self.assertEqual(self.consume(topic, '%S [%s]'), ['3 [x', 'y]', '-1 []', '0 []'])

    def test_csv(self):
        topic = self.topic()
        self.run_to_end(self.pipeline([{'id': 1, 'v': 'a\n"b"'}], f'topic: {topic}', 'columns: [id, v], format: csv'))
        self.assertEqual(self.consume(topic, '[%s]'), ['[1,"a', '""b"""]'])

    def test_keys_go_where_java_puts_them(self):
        ours, theirs = self.topic(7), self.topic(7)
        keys = [f'key-{i}' for i in range(40)]
        self.run_to_end(self.pipeline([{'k': key} for key in keys], f'topic: {ours}, key: k'))
        self.produce(theirs, [f'{key}:x' for key in keys], '-K:', '-X', 'partitioner=murmur2_random')
        self.assertEqual(sorted(self.consume(ours, '%k %p')), sorted(self.consume(theirs, '%k %p')))

    def test_a_topic_a_row(self):
        topics = [self.topic(name=f'by-{name}') for name in ('a', 'b')]
        self.run_to_end(self.pipeline([{'k': 'a'}, {'k': 'b'}, {'k': 'a'}], 'topic: "by-{k}"', 'columns: [k]'))
        self.assertEqual([len(self.consume(topic)) for topic in topics], [2, 1])

    def test_a_missing_topic_is_an_error(self):
        _, error = self.run_to_end(self.pipeline([{'id': 1}], 'topic: nowhere'), code=1)
        self.assertIn("cannot find topic 'nowhere'", error)

    def test_a_record_over_the_limit_has_its_place(self):
        topic = self.topic()
        _, error = self.run_to_end(self.pipeline([{'v': 'x'}, {'v': 'y' * 1_000_001}], f'topic: {topic}'), code=1)
        self.assertIn('in[1]:2: ', error)
        self.assertIn('raise message.max.bytes in `client`', error)
        self.assertEqual(self.consume(topic), [])

    def test_a_record_over_the_topics_limit(self):
        topic = self.topic(max_message_bytes=100_000)
        _, error = self.run_to_end(self.pipeline([{'v': 'y' * 200_000}], f'topic: {topic}'), code=1)
        self.assertIn('in[1]:1: ', error)
        self.assertIn(f"one in topic '{topic}' may have 99932", error)

    def test_what_cannot_be_written_is_an_error_of_its_record(self):
        topic = self.topic(2)
        rows = [{'id': 1, 'k': topic, 'v': '1'}, {'id': 2, 'k': topic, 'v': '2'}, {'id': 3, 'k': 'nowhere'}, {'id': 4, 'k': 'no where'},
                {'id': 5, 'k': topic}, {'id': 6, 'k': topic, 'v': '0'}]
        pipeline = self.pipeline(rows, 'topic: "{k}", partition: "cast(v as int)"', 'columns: [id]')
        _, error = self.run_to_end(pipeline.replace('}}}\noutputs', '}, on_error: drop}}\noutputs'))
        self.assertEqual(sorted(self.consume(topic)), ['{"id":1}', '{"id":5}', '{"id":6}'])
        self.assertIn(f"in[1]:2: output o: there is no partition 2: topic '{topic}' has 2", error)
        self.assertIn('dropped 3 records', error)

    def test_a_record_without_the_key_that_its_topic_needs(self):
        topic = self.topic(cleanup_policy='compact')
        rows = [{'id': 1, 'k': 'a'}, {'id': 2, 'k': None}, {'id': 3, 'k': ''}]
        pipeline = self.pipeline(rows, f'topic: {topic}, key: k', 'columns: [id]')
        _, error = self.run_to_end(pipeline, code=1)
        self.assertIn(f"in[1]:2: output o: topic '{topic}' is compacted by keys, and takes no message without one", error)
        self.run_to_end(pipeline.replace('}}}\noutputs', '}, on_error: drop}}\noutputs'))
        self.assertEqual(self.consume(topic, '%k %s'), ['a {"id":1}', ' {"id":3}'])

    def test_a_topic_of_the_brokers_own_is_an_error_of_its_record(self):
        topic = self.topic()
        rows = [{'k': topic}, {'k': '__consumer_offsets'}, {'k': '__transaction_state'}, {'k': '..'}, {'k': topic}]
        pipeline = self.pipeline(rows, 'topic: "{k}"', 'columns: [k]')
        _, error = self.run_to_end(pipeline.replace('}}}\noutputs', '}, on_error: drop}}\noutputs'))
        self.assertIn("in[1]:2: output o: '__consumer_offsets' is a topic of the brokers' own", error)
        self.assertIn('dropped 3 records', error)
        self.assertEqual(len(self.consume(topic)), 2)

    def test_a_record_that_the_brokers_refuse_is_shown(self):
        topic = self.topic(message_timestamp_difference_max_ms=1000)
        _, error = self.run_to_end(self.pipeline([{'k': 'key', 'v': 'x'}], f'topic: {topic}, key: k, timestamp: "timestamp_millis(1000L)"',
                                                 'columns: [v]'), code=1)
        self.assertIn(f'to {topic}[0] was not taken: ', error)
        self.assertIn("""its key is 'key', its value '{"v":"x"}'""", error)

    def test_a_record_over_the_topics_limit_is_not_tried_again(self):
        topic = self.topic(max_message_bytes=1000)
        # How large it is in the request shows when that is compressed.
        pipeline = self.pipeline([{'v': 'y'}, {'v': os.urandom(2000).hex()}],
                                 f'topic: {topic}, client: {{compression.type: zstd}}', 'retry: {times: 5, backoff: 1s}')
        _, error = self.run_to_end(pipeline, code=1)
        self.assertIn(f'in[1]:2: a message of 4027 bytes to {topic}[0] was not taken: it is larger than the 1000 bytes', error)
        self.assertNotIn('again', error)

    def test_a_request_over_the_topics_limit(self):
        topic = self.topic(max_message_bytes=1000)
        rows = [{'v': 'y' * 100}] * 50
        _, error = self.run_to_end(self.pipeline(rows, f'topic: {topic}'), code=1)
        self.assertIn('with others is larger than the 1000 bytes that the topic takes; set batch.size', error)
        self.run_to_end(self.pipeline(rows, f'topic: {topic}, client: {{batch.size: 900}}'))
        self.assertEqual(len(self.consume(topic)), 50)

    def test_topic_to_topic(self):
        source, target = self.topic(3), self.topic(2)
        lines = [json.dumps({'id': i}) for i in range(3000)]
        self.produce(source, lines)
        self.available(f"""
name: through-{source}
batch_interval: 50ms
sources: {{in: {{kafka: {{brokers: "{self.address}", topics: [{source}], start: earliest}}, format: json, schema: {{id: int}}}}}}
streams: {{even: {{from: in, steps: [{{filter: id % 2 = 0}}]}}}}
outputs: [{{name: o, from: even, kafka: {{brokers: "{self.address}", topic: {target}, key: id, client: {{compression.type: zstd}}}}}}]
""")
        self.assertEqual(sorted(json.loads(line)['id'] for line in self.consume(target)), list(range(0, 3000, 2)))
        self.assertEqual(sum(self.group(f'through-{source}').values()), 3000)


class Away(BrokerTest):
    """The broker is one of its own."""

    def setUp(self):
        self.use(make_broker())
        self.addCleanup(self.broker.stop, signal.SIGKILL)

    def pipeline_to(self, topic):
        return f"""
batch_interval: 50ms
sources: {{in: {{generate: {{rows_per_second: 200, columns: {{id: _n}}}}}}}}
outputs: [{{name: o, from: in, kafka: {{brokers: "{self.address}", topic: {topic}}}}}]
"""

    def start_and_lose(self):
        """A run that writes a topic, whose broker was killed in the meantime, and has said so."""
        topic = self.topic()
        run = self.start(self.pipeline_to(topic))
        wait_for(lambda: self.end(topic) > 0, 'the first record')
        self.broker.stop(signal.SIGKILL)
        self.assertIn('messages yet', run.process.stderr.readline().decode())
        return topic, run

    def test_away_and_back(self):
        topic, run = self.start_and_lose()
        before = self.broker.launch() or self.broker.wait() or self.end(topic)
        wait_for(lambda: self.end(topic) > before + 100, 'records behind the restart')
        run.send(signal.SIGTERM)
        code, _, error, _ = run.end()
        self.assertEqual(code, 0, error)
        seen = [json.loads(line)['id'] for line in self.consume(topic)]
        # At least once, and in order where it is once.
        self.assertEqual(sorted(set(seen)), list(range(max(seen) + 1)))

    def test_the_first_signal_ends_a_batch_that_waits_for_brokers_that_are_away(self):
        _, run = self.start_and_lose()
        run.send(signal.SIGINT)
        code, _, error, _ = run.end()
        self.assertEqual(code, 1, error)
        self.assertRegex(error, r'stopped while Kafka at \S+ did not take \d+ messages: ')

    def test_the_first_signal_ends_a_batch_that_waits_for_brokers_that_hang(self):
        topic = self.topic()
        run = self.start(self.pipeline_to(topic))
        wait_for(lambda: self.end(topic) > 0, 'the first record')
        self.hang()
        # Nothing is known against it but that it is silent.
        self.assertRegex(run.process.stderr.readline().decode(), r'has not taken \d+ messages yet: it does not answer; waiting')
        run.send(signal.SIGINT)
        code, _, error, _ = run.end()
        self.assertEqual(code, 1, error)
        self.assertRegex(error, r'stopped while Kafka at \S+ did not take \d+ messages: it does not answer')

    def test_the_second_signal_stops_at_once_while_away(self):
        _, run = self.start_and_lose()
        run.stop_at_once()
        code, _, error, _ = run.end()
        self.assertEqual(code, 1, error)
        self.assertIn('did not take', error)

    def test_stops_at_the_first_signal_while_it_waits_at_the_start(self):
        self.broker.stop(signal.SIGKILL)
        run = self.start(self.pipeline_to('t'))
        self.assertIn('trying again', run.process.stderr.readline().decode())
        run.send(signal.SIGINT)
        code, _, error, _ = run.end()
        # An output that did not start is an error, whoever ended its wait.
        self.assertEqual(code, 1, error)
        self.assertIn('stopped while waiting', error)
