"""What a run shows a person at a terminal: a progress line that is redrawn, a summary at the end."""
import errno
import fcntl
import os
import pty
import re
import struct
import subprocess
import tempfile
import termios

PIPELINE = """
batch_interval: 1s
sources:
  numbers: {queue: {batches: [[1, 2, 3], [4, 5]]}}
streams:
  large: {from: numbers, steps: [{filter: value > 2}]}
outputs:
  - {name: kept, from: large, SINK}
  - {name: all, from: numbers, discard: {}}
"""
PROGRESS = r'\r\x1b\[Kbatch 1970-01-01T00:00:01Z  [\d,]+ records/s  delay [\d,]+ ms'
SUMMARY = (r'2 batches in \d+\.\d\d s, [\d,]+ records/s, 0 rejected\n'
           r'  in   numbers  5\n  out  kept     3\n  out  all      5\n')


def shown(program, sink, *flags, columns=80, output_too=False):
    """What a terminal is sent, line ends as the program writes them."""
    terminal, end = pty.openpty()
    fcntl.ioctl(end, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
    with tempfile.TemporaryDirectory() as folder:
        with open(f'{folder}/case.yaml', 'w', encoding='utf-8') as file:
            file.write(PIPELINE.replace('SINK', sink))
        run = subprocess.Popen([program, 'case.yaml', '--start-time', '0', *flags], cwd=folder, stdin=subprocess.DEVNULL,
                               stdout=end if output_too else subprocess.DEVNULL, stderr=end)
        os.close(end)
        sent = b''
        while True:
            try:
                part = os.read(terminal, 65536)
            except OSError as fault:  # how Linux says that nobody holds the other end
                if fault.errno != errno.EIO:
                    raise
                part = b''
            if not part:
                break
            sent += part
        run.wait()
        os.close(terminal)
    return sent.decode().replace('\r\n', '\n')


def faults(program):
    """What is not as it should be on a terminal."""
    def expect(what, pattern, text):
        return [] if re.fullmatch(pattern, text) else [f'{what}: expected {pattern!r}, got {text!r}']

    discard = 'discard: {}'
    found = expect('a terminal', f'(?:{PROGRESS})+' + r'\r\x1b\[K' + SUMMARY, shown(program, discard))
    found += expect('--quiet', '', shown(program, discard, '--quiet'))
    found += expect('JSON log lines', '', shown(program, discard, '--log-format', 'json'))
    found += expect('a narrow terminal', r'(?:\r\x1b\[Kbatch 1970-01-01T00)+\r\x1b\[K' + SUMMARY,
                    shown(program, discard, columns=20))
    # Rows and a line that is redrawn would run into each other.
    found += expect('rows on the same terminal', r'3\n4\n5\n' + SUMMARY,
                    shown(program, 'stdout: {}, format: text', output_too=True))
    return found
