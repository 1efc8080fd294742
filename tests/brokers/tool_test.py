"""`tools/broker` as users call it."""
import subprocess
import tempfile
from pathlib import Path

from brokers.broker import GUARD, ROOT, BrokerTest


class Tool(BrokerTest):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix='streamrun-broker-')
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name) / 'broker'
        self.addCleanup(self.call, 'stop')

    def call(self, *args, code=0):
        done = subprocess.run([ROOT / 'tools' / 'broker', '--folder', self.folder, *args], capture_output=True, text=True,
                              timeout=GUARD)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stdout.strip() if code == 0 else done.stderr

    def test_options_count_when_it_is_started_again(self):
        self.address = self.call('start')
        self.assertIn('stop it first', self.call('--make-topics', 'start', code=1))
        self.call('stop')
        self.assertIn('was made without --secure', self.call('--secure', 'start', code=1))
        self.assertEqual(self.call('--make-topics', 'start'), self.address)
        self.produce('made-on-demand', ['a'])
        self.assertEqual(self.consume('made-on-demand'), ['a'])
