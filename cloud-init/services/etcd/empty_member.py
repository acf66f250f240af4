#!/usr/bin/python3
"""Says on etcd's peer port, until it is ended, that this machine has no data: the list of members it knows is empty.

Members answer the same question with those they know. So who asks for `/members` can tell a machine that is new from one that is
out of reach, and by its certificate, that it is the machine it should be (converge/etcd.sh). Arguments: address and port.
"""

import ssl
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CA = "/etc/pgha/tls/ca.crt"
CERTIFICATE = "/etc/pgha/tls/server.crt"
KEY = "/etc/pgha/tls/node.key"


class Empty(BaseHTTPRequestHandler):
    timeout = 5
    """Seconds for a handshake and a question."""

    def do_GET(self) -> None:
        known = self.path == "/members"
        body = b"[]\n" if known else b""
        self.send_response(200 if known else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Members that look for the one that was here ask on and on."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Strangers without a certificate are no matter of ours."""


def main(address: str, port: int) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(CA)
    context.load_cert_chain(CERTIFICATE, KEY)
    server = Server((address, port), Empty)
    # The handshake is the handler's, so that nobody who keeps silent keeps others out.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
