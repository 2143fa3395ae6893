"""A mail submission server for tests: STARTTLS and a password are required. Arguments: certificate, key, folder."""

import asyncio
import ssl
import sys
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult

certificate, key, folder = sys.argv[1:]


class Handler:
    """Keeps each message with its envelope."""

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address.endswith("@refused.example"):
            return "550 no such user here"
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(self, server, session, envelope):
        folder_path = Path(folder)
        number = len(list(folder_path.glob("*.eml"))) + 1
        (folder_path / f"{number}.envelope").write_text(f"{envelope.mail_from} {' '.join(envelope.rcpt_tos)}")
        (folder_path / f"{number}.eml").write_bytes(envelope.content)
        return "250 kept"


def authenticate(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"finance", b"s3cret"), handled=False)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(Handler(), tls_context=context, require_starttls=True, auth_required=True,
                     authenticator=authenticate, hostname="localhost", data_size_limit=50_000_000),
        "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
