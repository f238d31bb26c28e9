"""A mail server of another make (aiosmtpd) for the tests of notify/: STARTTLS and a password are demanded.

server.py CERTIFICATE KEY: prints its port, then a line of JSON for each mail that it has taken, as Python's own parser
reads it. It ends when its standard input does.
"""

import asyncio
import email
import email.policy
import hashlib
import json
import ssl
import sys
import warnings

from aiosmtpd.smtp import SMTP, AuthResult


warnings.showwarning = lambda *_: None  # the library complains about itself, and sets its own filters


def say(line):
    print(line, flush=True)


class Post:
    async def handle_DATA(self, server, session, envelope):
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = []
        for part in mail.walk():
            if part.is_multipart():
                continue
            body = part.get_payload(decode=True)
            text = part.get_content() if part.get_content_maintype() == "text" else ""
            parts.append({
                "type": part.get_content_type(), "name": part.get_filename() or "",
                "sha256": hashlib.sha256(body).hexdigest(), "text": text.replace("\r\n", "\n"),
            })
        say(json.dumps({
            "subject": mail["subject"], "from": mail["from"], "to": mail["to"], "id": mail["message-id"],
            "sender": envelope.mail_from, "recipients": envelope.rcpt_tos, "encrypted": session.ssl is not None,
            "defects": [str(d) for p in mail.walk() for d in p.defects], "parts": parts,
        }))
        return "250 taken"


def known(server, session, envelope, mechanism, data):
    right = (data.login, data.password) == (b"tickets", b"a password")
    return AuthResult(success=right, handled=False)  # the server says the no


async def main(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(Post(), hostname="localhost", tls_context=context, require_starttls=True, auth_required=True, authenticator=known),
        "127.0.0.1", 0)
    say(server.sockets[0].getsockname()[1])
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main(*sys.argv[1:3]))
