"""Mail servers on 127.0.0.1: one without TLS and login, one with STARTTLS and one with TLS from the first byte, both with login.

Each message that is taken goes into a Maildir, named so that the names sort as the messages came: Return-Path, a Delivered-To for
each recipient of the envelope, then the message as it came, to the byte. Prints one JSON line when all listen.
"""
import asyncio
import itertools
import json
import logging
import ssl
import sys

sys.path.insert(0, sys.path[0] + "/..")
import lifetime

FOLDER = lifetime.begin()

import trustme
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

USER, PASSWORD = "letter", "cnry-password-of-the-letter"
numbers = itertools.count(1)


class Maildir:
    def __init__(self, name):
        self.folder = FOLDER / name
        for part in ("tmp", "new", "cur"):
            (self.folder / part).mkdir(parents=True)

    def store(self, envelope):
        """Stores the message; its queue id."""
        queued = "%08X" % next(numbers)
        lines = ["Return-Path: <%s>" % envelope.mail_from] + ["Delivered-To: " + address for address in envelope.rcpt_tos]
        written = self.folder / "tmp" / queued
        written.write_bytes("".join(line + "\r\n" for line in lines).encode() + envelope.original_content)
        written.rename(self.folder / "new" / queued)
        return queued


class Handler:
    """Does to a recipient what its local part says."""

    def __init__(self, maildir):
        self.maildir = maildir

    async def handle_RCPT(self, server, session, envelope, address, options):
        local = address.split("@")[0]
        if local == "reject":
            return "550 5.1.1 no such user here"
        if local == "later":
            return "451 4.7.1 try again later"
        if local == "drop":
            server.transport.abort()
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Ok"

    async def handle_DATA(self, server, session, envelope):
        queued = self.maildir.store(envelope)
        if any(address.split("@")[0] == "lost" for address in envelope.rcpt_tos):
            server.transport.abort()
        return "250 2.0.0 Ok: queued as " + queued


def login(server, session, envelope, mechanism, data):
    known = isinstance(data, LoginPassword) and data.login == USER.encode() and data.password == PASSWORD.encode()
    return AuthResult(success=known, handled=False)


async def listen(maildir, tls=None, **options):
    def connected():
        return SMTP(Handler(maildir), hostname="localhost", ident="test", enable_SMTPUTF8=True, **options)

    server = await asyncio.get_running_loop().create_server(connected, "127.0.0.1", 0, ssl=tls, backlog=256)
    return server, server.sockets[0].getsockname()[1]


async def main():
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(FOLDER / "ca.pem"))
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(tls)
    secure = Maildir("secure")
    needs_login = {"authenticator": login, "auth_required": True}
    plain, plain_port = await listen(Maildir("plain"))
    start, secure_port = await listen(secure, tls_context=tls, require_starttls=True, **needs_login)
    # Under TLS from the first byte aiosmtpd knows of none, so it may not ask for it.
    under, tls_port = await listen(secure, tls=tls, auth_require_tls=False, **needs_login)
    ready = {"plain_port": plain_port, "secure_port": secure_port, "tls_port": tls_port}
    print(json.dumps(ready | {"user": USER, "password": PASSWORD, "folder": str(FOLDER)}), flush=True)
    await asyncio.gather(*(server.serve_forever() for server in (plain, start, under)))


logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # a line that was cut on purpose is no news
asyncio.run(main())
