"""A broker that asks who is there, and shows who it is."""
import json
import signal
import unittest

from brokers.broker import BrokerTest, make_broker


class Secure(BrokerTest):
    keystores = {}

    def reach(self, keystore='server'):
        if keystore not in self.keystores:
            self.keystores[keystore] = make_broker(secure=True, keystore=keystore)
        self.use(self.keystores[keystore])
        self.secrets = json.loads((self.broker.folder / 'secure.json').read_text())

    def setUp(self):
        self.reach()

    def read(self, topic, code, authority='ca', password=None):
        (ca, secret) = self.secrets[authority], password or self.secrets['password']
        _, error = self.run_to_end(f"""
batch_interval: 50ms
sources:
  in:
    kafka:
      brokers: {self.secrets['address']}
      topics: [{topic}]
      start: earliest
      client:
        security.protocol: SASL_SSL
        ssl.ca.location: {ca}
        sasl.mechanism: SCRAM-SHA-256
        sasl.username: {self.secrets['user']}
        sasl.password: {{file: password}}
outputs: [{{name: o, from: in, file: {{path: out}}, format: text}}]
""", '--available-now', code=code, files={'password': secret + '\n'})
        self.assertNotIn(secret, error)
        self.assertNotIn(self.secrets['password'], error)
        return error

    def start(self, pipeline, *args, files=None, **more):
        run_in = super().start
        def private():
            import os
            os.chmod('password', 0o600)
        return run_in(pipeline, *args, files=files, before=private, **more)

    def refused(self, error, words):
        self.assertEqual(len(error.splitlines()), 1, error)
        self.assertIn('refuses this client', error)
        self.assertIn(words, error)

    def test_the_right_authority_and_password(self):
        topic = self.topic()
        self.produce(topic, ['a'])
        self.assertEqual(self.read(topic, 0), '')

    def test_a_wrong_password(self):
        self.refused(self.read('t', 1, password='wrong-password'), 'invalid credentials')

    def test_a_wrong_authority(self):
        self.refused(self.read('t', 1, authority='other_ca'), 'certificate')

    def test_an_expired_certificate(self):
        self.reach('expired')
        self.refused(self.read('t', 1), 'certificate')

    def test_a_certificate_of_another_host(self):
        self.reach('other-name')
        self.refused(self.read('t', 1), 'certificate')


if __name__ == '__main__':
    unittest.main()
