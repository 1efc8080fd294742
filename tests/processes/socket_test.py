"""A TCP server that comes, goes, breaks off and comes again."""
import json
import signal
import socket
import struct
import threading

from processes.process import ProcessTest

LINGER_NOT = struct.pack('ii', 1, 0)  # a close that breaks the connection


def pipeline(port, host='127.0.0.1', more='', interval='20ms', reconnect='20ms'):
    return f"""
batch_interval: {interval}
sources: {{s: {{socket: {{host: "{host}", port: {port}, reconnect: {reconnect}}}{more}}}}}
outputs: [{{name: o, from: s, stdout: {{}}, columns: [value]}}]
"""


class Socket(ProcessTest):
    def listen(self, host='127.0.0.1', port=0, family=socket.AF_INET):
        server = socket.create_server((host, port), family=family)
        self.addCleanup(server.close)
        server.settimeout(60)
        return server, server.getsockname()[1]

    def accept(self, server):
        client = server.accept()[0]
        self.addCleanup(client.close)
        return client

    def wait_until_read(self, client, run):
        """A reset takes with it what the other end has not read yet."""
        ends = [f':{name[1]:04X}' for name in (client.getsockname(), client.getpeername())]
        waiting = {}
        while len(waiting) < 2 or any(waiting.values()):
            self.assertIsNone(run.process.poll())
            with open('/proc/net/tcp', encoding='ascii') as table:
                for _, local, other, _, queues, *_ in map(str.split, table):
                    if sorted((local[-5:], other[-5:])) == sorted(ends):
                        waiting[local] = any(int(queue, 16) for queue in queues.split(':'))

    def value(self, run):
        return json.loads(run.line())['value']

    def said(self, run):
        return run.process.stderr.readline().decode()

    def finish(self, run, code=0):
        run.send(signal.SIGINT)
        ended, out, error, _ = run.end()
        self.assertEqual((ended, out), (code, ''), error)
        return error

    def test_lines_as_they_come(self):
        server, port = self.listen()
        run = self.start(pipeline(port))
        client = self.accept(server)
        for line in ('one', '', 'two\r', 'drei ü'):
            client.sendall(f'{line}\n'.encode())
            self.assertEqual(self.value(run), line.rstrip('\r'))
        client.sendall(b'half')
        # What is no line yet is none when it is told to stop.
        self.assertEqual(self.finish(run), '')

    def test_connects_again(self):
        server, port = self.listen()
        run = self.start(pipeline(port))
        client = self.accept(server)
        client.sendall(b'first\nwithout an end')
        client.close()
        self.assertEqual([self.value(run), self.value(run)], ['first', 'without an end'])
        where = "source 's': "
        self.assertEqual(self.said(run), f'warning: {where}127.0.0.1:{port} has closed the connection; connecting again every 20ms\n')
        client = self.accept(server)
        self.assertEqual(self.said(run), f'{where}connected to 127.0.0.1:{port} again\n')
        client.sendall(b'second\nlost')
        self.assertEqual(self.value(run), 'second')
        # Nobody listens then, for many tries, which is not said again.
        server.close()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        client.close()
        self.assertEqual(self.said(run), f'warning: {where}the connection to 127.0.0.1:{port} broke: Connection reset by peer; '
                                         'connecting again every 20ms\n')
        server, _ = self.listen(port=port)
        client = self.accept(server)
        self.assertEqual(self.said(run), f'{where}connected to 127.0.0.1:{port} again\n')
        client.sendall(b'third\n')
        rest = [self.value(run)]
        # What the broken connection had brought may have been there before it broke.
        if rest == ['lost']:
            rest = [self.value(run)]
        self.assertEqual(rest, ['third'])
        self.assertEqual(self.finish(run), '')

    def test_server_that_is_not_there_yet(self):
        server, port = self.listen()
        server.close()
        run = self.start(pipeline(port, host='localhost'))
        self.assertEqual(self.said(run), f"warning: source 's': cannot connect to localhost:{port}: Connection refused; trying again every 20ms\n")
        server, _ = self.listen(port=port)
        client = self.accept(server)
        client.sendall(b'here\n')
        self.assertEqual(self.value(run), 'here')
        self.assertEqual(self.finish(run), f"source 's': connected to localhost:{port}\n")

    def test_signal_while_nobody_is_there(self):
        server, port = self.listen()
        server.close()
        for host, more in (('127.0.0.1', ()), ('127.0.0.1', ('--available-now',)), ('no-such-host.invalid', ())):
            with self.subTest(host, more=more):
                run = self.start(pipeline(port, host=host, reconnect='1h'), *more)
                self.assertIn(f'cannot connect to {host}:{port}: ', self.said(run))
                self.assertEqual(self.finish(run), '')

    def test_version_6(self):
        try:
            server, port = self.listen('::1', family=socket.AF_INET6)
        except OSError as fault:
            self.skipTest(str(fault))
        run = self.start(pipeline(port, host='::1', more=', format: json, schema: {value: int}'))
        client = self.accept(server)
        client.sendall(b'{"value":1}\n')
        self.assertEqual(self.value(run), 1)
        client.sendall(b'x\n')
        code, out, error, _ = run.end()
        self.assertEqual((code, out), (1, ''))
        self.assertIn(f'error: socket:[::1]:{port}:2: s: not a JSON object', error)

    def test_available_now_ends_with_the_connection(self):
        for more, lines in ((), 3), ((', max_batch_records: 2',), 5):
            server, port = self.listen()
            run = self.start(pipeline(port, more=''.join(more)), '--available-now')
            client = self.accept(server)
            client.sendall(b'\n'.join(b'%d' % i for i in range(lines)))
            client.close()
            code, out, error, _ = run.end()
            self.assertEqual((code, error), (0, ''))
            self.assertEqual([json.loads(line)['value'] for line in out.splitlines()], [str(i) for i in range(lines)])

    def test_available_now_that_breaks_off(self):
        server, port = self.listen()
        run = self.start(pipeline(port), '--available-now')
        client = self.accept(server)
        # The batch of all that comes is under way once its first morsel is out.
        for _ in range(40):
            client.sendall(b'a' * 65535 + b'\n')
        self.assertEqual(self.value(run), 'a' * 65535)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        client.close()
        code, _, error, _ = run.end()
        self.assertEqual(code, 1)
        self.assertRegex(error, f'^error: cannot read 127.0.0.1:{port} behind line \\d+: Connection reset by peer\n$')

    def test_available_now_gives_what_came_before_it_breaks_off(self):
        server, port = self.listen()
        run = self.start(pipeline(port), '--available-now')
        client = self.accept(server)
        client.sendall(b'one\ntwo\nhal')
        self.wait_until_read(client, run)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        client.close()
        code, out, error, _ = run.end()
        self.assertEqual((code, [json.loads(line)['value'] for line in out.splitlines()]), (1, ['one', 'two']))
        self.assertEqual(error, f'error: cannot read 127.0.0.1:{port} behind line 2: Connection reset by peer\n')

    def test_line_over_the_limit_is_a_reject(self):
        server, port = self.listen()
        run = self.start(pipeline(port, more=', on_error: drop'))
        client = self.accept(server)
        client.sendall(b'a\n' + b'x' * (20 << 20) + b'\nb\n' + b'y' * (17 << 20))
        client.close()
        client = self.accept(server)
        client.sendall(b'c\n')
        self.assertEqual([self.value(run) for _ in range(3)], ['a', 'b', 'c'])
        error = self.finish(run)
        for line in (2, 4):
            self.assertIn(f'socket:127.0.0.1:{port}:{line}: s: the line is longer than 16 MiB', error)

    def test_fast_server_waits(self):
        server, port = self.listen()
        run = self.start(pipeline(port, more=', format: raw, record_length: 1024'))
        client = self.accept(server)
        records = 400000
        sender = threading.Thread(target=lambda: [client.sendall(b'a' * 1024000) for _ in range(records // 1000)])
        sender.start()
        for _ in range(records):
            run.process.stdout.readline()
        sender.join()
        run.send(signal.SIGINT)
        code, out, error, peak = run.end()
        self.assertEqual((code, out, error), (0, '', ''))
        self.assertLess(peak, 200)

    def test_quote_that_is_left_open_ends_with_its_connection(self):
        server, port = self.listen()
        run = self.start(pipeline(port, more=', format: csv, schema: {value: string}, on_error: drop'))
        client = self.accept(server)
        client.sendall(b'a\n"open')
        client.close()
        client = self.accept(server)
        client.sendall(b'b\n')
        self.assertEqual([self.value(run), self.value(run)], ['a', 'b'])
        self.assertIn(f'dropped: socket:127.0.0.1:{port}:2: s: ', self.finish(run))

    def test_record_of_fixed_length_ends_with_its_connection(self):
        server, port = self.listen()
        run = self.start(pipeline(port, more=', format: raw, record_length: 3, on_error: drop'))
        client = self.accept(server)
        client.sendall(b'abcd')
        client.close()
        client = self.accept(server)
        client.sendall(b'efg')
        self.assertEqual([self.value(run), self.value(run)], ['YWJj', 'ZWZn'])
        self.assertIn(f'dropped: socket:127.0.0.1:{port}:2: s: the input ends within the record: 1 of 3 bytes', self.finish(run))

    def test_each_connection_has_a_header_of_its_own(self):
        for more in ('', ', max_batch_records: 1'):
            server, port = self.listen()
            run = self.start(pipeline(port, more=f', format: csv, header: true, schema: {{value: int}}, on_error: drop{more}'))
            for rows in ('other,value\n1,10\n2,20\n', '\ufeffvalue\n30\n40', '', 'value,other', '"value"\n50\n"cut\n', 'x,y,value\n1,2,60\n'):
                client = self.accept(server)
                client.sendall(rows.encode())
                client.close()
            self.assertEqual([self.value(run) for _ in range(6)], [10, 20, 30, 40, 50, 60])
            client = self.accept(server)
            client.sendall(b'value\nbad\n')
            client.close()
            client = self.accept(server)
            client.sendall(b'value\n70\n')
            self.assertEqual(self.value(run), 70)
            error = self.finish(run)
            self.assertRegex(error, f'dropped: socket:127.0.0.1:{port}:10: s: .*quote')
            self.assertRegex(error, f"dropped: socket:127.0.0.1:{port}:15: s: .*'bad'")
