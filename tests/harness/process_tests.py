"""Runs the tests of the modules that are named, `processes.faults_test` for one, and prints a line of JSON as each begins
and ends. One that does not come to its end within GUARD seconds ends all, with what every thread was at."""
import faulthandler
import json
import signal
import sys
import unittest

GUARD = 600


class Outcomes(unittest.TestResult):
    def startTest(self, test):
        super().startTest(test)
        print(json.dumps([test.id()]), flush=True)
        faulthandler.dump_traceback_later(GUARD, exit=True)

    def stopTest(self, test):
        faulthandler.cancel_dump_traceback_later()
        own = [f'{one}\n{text}' for one, text in self.failures + self.errors if test in (one, getattr(one, 'test_case', None))]
        own += [f'{one} is left out: {why}' for one, why in self.skipped if test in (one, getattr(one, 'test_case', None))]
        print(json.dumps([test.id(), '\n'.join(own) or None]), flush=True)


def main():
    # Whoever runs the tests may have told them to outlive a terminal, or stands behind one.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
    for which in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        signal.signal(which, signal.SIG_DFL)
    outcomes = Outcomes()
    unittest.TestLoader().loadTestsFromNames(sys.argv[1:]).run(outcomes)
    # What fails before the first test of a class has no test of its own.
    for one, text in outcomes.errors:
        if not isinstance(one, unittest.TestCase):
            print(json.dumps([str(one), text]), flush=True)


if __name__ == '__main__':
    main()
