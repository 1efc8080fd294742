"""The real program, started on a pipeline in a folder of its own, with its ends in the test's hands."""
import os
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

PROGRAM = os.environ.get('STREAMRUN')  # what is tested


class Run:
    def __init__(self, process, folder):
        self.process = process
        self.folder = folder

    def line(self):
        return self.process.stdout.readline().decode()

    def write(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def send(self, which=signal.SIGTERM):
        # Not by the process object, which would take note of its end.
        os.kill(self.process.pid, which)

    def stop_at_once(self):
        """A second signal counts only once the first has been taken, which nobody can see."""
        while os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            self.send()
            os.sched_yield()

    def end(self, read=True):
        """Exit code, what is left of standard output, standard error, and the peak of memory in MiB."""
        out = self.process.stdout.read().decode() if read else ''
        error = self.process.stderr.read().decode() if self.process.stderr else ''
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        return self.process.returncode, out, error, usage.ru_maxrss / 1024


class ProcessTest(unittest.TestCase):
    def start(self, pipeline, *args, command='run case.yaml', files=None, stdout=subprocess.PIPE, stderr=subprocess.PIPE, before=None,
              folder=None):
        """`files`: their texts by name; a FIFO has none. `folder`: of an earlier run, whose files are there still."""
        if folder is None:
            folder = Path(tempfile.mkdtemp())
            self.addCleanup(shutil.rmtree, folder, True)
        for name, text in {**(files or {}), 'case.yaml': pipeline}.items():
            if text is None:
                os.mkfifo(folder / name)
            else:
                (folder / name).write_text(text, encoding='utf-8')
        process = subprocess.Popen([PROGRAM, *command.split(), *args], cwd=folder,
                                   stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, preexec_fn=before)
        for end in (process.stdin, process.stdout, process.stderr):
            if end:
                self.addCleanup(end.close)
        self.addCleanup(lambda: process.returncode is None and process.kill())
        return Run(process, folder)
