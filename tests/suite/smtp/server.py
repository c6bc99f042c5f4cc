"""A mail server for one test: aiosmtpd with TLS.

    server.py starttls|tls CERTIFICATE KEY FOLDER

Writes "ready PORT" to standard output, and each mail that it takes into FOLDER. Asks for user "kx" with password "pass-4711".
Says 451 to the first mail, and 550 to every recipient whose name begins with "refused", until there is a file "open".
"""

import itertools
import pathlib
import ssl
import sys
import time

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult

kind, certificate, key, folder = sys.argv[1:]
numbers = itertools.count()


class Handler:
    """Takes mails, but for the first."""

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refused") and not pathlib.Path("open").exists():
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        number = next(numbers)
        if number == 0:
            return "451 4.7.1 come back later"
        name = f"{number}-{'tls' if session.ssl or kind == 'tls' else 'plain'}-{'known' if session.authenticated else 'stranger'}.eml"
        pathlib.Path(folder, name).write_bytes(envelope.content)
        return "250 OK"


class Login:
    """One user, known by the name alone once the password was right."""

    def __call__(self, server, session, envelope, mechanism, data):
        right = (data.login, data.password) == (b"kx", b"pass-4711")
        return AuthResult(success=right, handled=False, auth_data=data.login if right else None)


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)


class Free(Controller):
    """On whichever port is free."""

    def _trigger_server(self):
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


options = {"hostname": "127.0.0.1", "port": 0, "authenticator": Login(), "auth_required": True}
if kind == "starttls":
    options |= {"tls_context": context, "require_starttls": True}
else:
    # Within TLS from the start there is no STARTTLS to wait for.
    options |= {"ssl_context": context, "auth_require_tls": False}
controller = Free(Handler(), **options)
controller.start()
print("ready", controller.port, flush=True)
# Until the test ends it.
time.sleep(600)
