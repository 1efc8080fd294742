"""A real broker, and topics on it, for tests of what reads and writes Kafka."""
import atexit
import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path

from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient, NewPartitions, NewTopic

from processes.process import ProcessTest

ROOT = Path(__file__).resolve().parent.parent.parent
loader = SourceFileLoader('broker_tool', str(ROOT / 'tools' / 'broker'))
tool = module_from_spec(spec_from_loader('broker_tool', loader))
loader.exec_module(tool)

GUARD = 60  # seconds until a condition that does not come is given up


def wait_for(condition, what, guard=GUARD):
    end = time.monotonic() + guard
    while not (found := condition()):
        if time.monotonic() > end:
            raise AssertionError(f'waited in vain: {what}')
        time.sleep(0.02)  # between two looks
    return found


def make_broker(secure=False, keystore=None, started=True):
    """One in a folder of its own, which goes when the tests end."""
    folder = Path(tempfile.mkdtemp(prefix='streamrun-broker-'))
    broker = tool.Broker(folder / 'broker')
    atexit.register(shutil.rmtree, folder, True)
    atexit.register(broker.stop, 9)
    if started:
        broker.start(secure, keystore)
    else:
        tool.fetch()
        broker.make(secure, keystore)
    return broker


def lead(port, address):
    """From now on and to the end of the tests, who connects to this port talks to `address`."""
    host, behind = address.split(':')

    def copy(source, target):
        with source, target, contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)

    def serve():
        while True:
            near, _ = listener.accept()
            far = socket.create_connection((host, int(behind)))
            for ends in ((near.dup(), far.dup()), (far, near)):
                threading.Thread(target=copy, args=ends, daemon=True).start()

    listener = socket.create_server(('127.0.0.1', port))
    threading.Thread(target=serve, daemon=True).start()


class BrokerTest(ProcessTest):
    names = itertools.count(1)
    shared = []  # by all tests of the process

    def setUp(self):
        if not self.shared:
            self.shared.append(make_broker())
        self.use(self.shared[0])

    def use(self, broker):
        self.broker = broker
        self.address = broker.address()

    def hang(self):
        """It takes connections, and answers nothing."""
        os.kill(self.broker.pid(), signal.SIGSTOP)
        self.addCleanup(self.go_on)

    def go_on(self):
        if (pid := self.broker.pid()) is not None:
            os.kill(pid, signal.SIGCONT)

    # ------------------------------------------------------------ topics

    def admin(self):
        client = KafkaAdminClient(bootstrap_servers=self.address)
        self.addCleanup(client.close)
        return client

    def topic(self, partitions=1, name=None, **configs):
        name = name or f't{next(self.names)}'
        settings = {key.replace('_', '.'): str(value) for key, value in configs.items()}
        self.admin().create_topics([NewTopic(name, partitions, 1, topic_configs=settings)])
        self.wait_for_topic(name, partitions)
        return name

    def wait_for_topic(self, name, partitions):
        def there():
            told = json.loads(self.kcat('-L', '-J', '-t', name))['topics']
            return len(told) == 1 and len([p for p in told[0]['partitions'] if p['leader'] >= 0]) == partitions
        wait_for(there, f'topic {name}')

    def add_partitions(self, topic, total):
        self.admin().create_partitions({topic: NewPartitions(total)})
        self.wait_for_topic(topic, total)

    def configure(self, topic, **configs):
        settings = {key.replace('_', '.'): str(value) for key, value in configs.items()}
        self.admin().alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, settings)])

    def delete(self, topic):
        self.admin().delete_topics([topic])
        wait_for(lambda: topic not in [t['topic'] for t in json.loads(self.kcat('-L', '-J'))['topics']], 'the end of a topic')

    def group(self, name):
        """Offsets that a group has committed, by (topic, partition)."""
        found = self.admin().list_consumer_group_offsets(name)
        return {(at.topic, at.partition): told.offset for at, told in found.items()}

    def reset(self, name):
        (_, error), = self.admin().delete_consumer_groups([name])
        self.assertEqual(error.errno, 0)

    def end(self, topic, partition=0, which=-1):
        """The offset behind the last record; of the first, where `which` is -2."""
        return int(self.kcat('-Q', '-t', f'{topic}:{partition}:{which}').split()[-1])

    # ------------------------------------------------------------ records, by kcat

    def kcat(self, *options, stdin=subprocess.DEVNULL):
        done = subprocess.run(['kcat', '-b', self.address, *options], stdin=stdin, capture_output=True, text=True, timeout=GUARD)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def produce(self, topic, lines, *options):
        # By a file: what this process holds counts as memory of those that it starts.
        with tempfile.TemporaryFile('w+', encoding='utf-8') as file:
            file.writelines(f'{line}\n' for line in lines)
            file.seek(0)
            self.kcat('-P', '-t', topic, *options, stdin=file)

    def consume(self, topic, form='%s', *options):
        return self.kcat('-C', '-t', topic, '-e', '-q', '-o', 'beginning', '-f', form + '\n', *options).splitlines()

    # ------------------------------------------------------------ runs

    def lines(self, run, name='out'):
        path = run.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def run_to_end(self, pipeline, *args, code=0, files=None):
        """What it wrote to `out`, and its standard error."""
        run = self.start(pipeline, *args, files=files)
        ended, _, error, _ = run.end()
        self.assertEqual(ended, code, error)
        return self.lines(run), error

    def available(self, pipeline, **more):
        return self.run_to_end(pipeline, '--available-now', **more)

    def to_file(self, topic, more='start: earliest', steps='[]', form='text'):
        """A pipeline that copies a topic to the file `out`."""
        return f"""
name: copy-{topic}
batch_interval: 50ms
sources: {{in: {{kafka: {{brokers: "{self.address}", topics: [{topic}], {more}}}, format: {form}}}}}
streams: {{s: {{from: in, steps: {steps}}}}}
outputs: [{{name: o, from: s, file: {{path: out}}, format: csv}}]
"""
