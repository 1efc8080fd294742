"""What waits to be read is bounded, whatever the output takes. A sanitizer would have memory of its own."""
import os
import re
import signal
from pathlib import Path

from brokers.broker import BrokerTest


class Memory(BrokerTest):
    def check(self, line, count):
        """Of a run whose output takes 4 KiB at a time, when it has taken a fifth and four fifths of `count` lines."""
        topic = self.topic(4)
        self.produce(topic, (line(i) for i in range(count)))
        run = self.start(f"""
batch_interval: 100ms
sources: {{in: {{kafka: {{brokers: "{self.address}", topics: [{topic}], start: earliest}}}}}}
outputs: [{{name: o, from: in, stdout: {{}}, format: text}}]
""")
        out, taken, peaks = run.process.stdout, 0, []
        total = sum(len(line(i)) + 1 for i in range(count))
        for wanted in (total // 5, total * 4 // 5):
            while taken < wanted:
                taken += len(os.read(out.fileno(), 4096))
            status = Path(f'/proc/{run.process.pid}/status').read_text()
            peaks.append(int(re.search(r'VmHWM:\s+(\d+)', status)[1]) // 1024)
        run.send(signal.SIGTERM)
        code, _, error, _ = run.end()
        self.assertEqual(code, 0, error)
        self.assertLess(peaks[1], 200, peaks)
        self.assertLess(peaks[1] - peaks[0], 50, peaks)

    def test_a_slow_output_keeps_memory_flat(self):
        self.check(lambda i: f'{i} ' + 'x' * 500, 400_000)

    def test_small_records_keep_memory_flat(self):
        self.check(str, 3_000_000)
