"""A program that takes webhooks."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """A server on loopback that keeps what it is told; `answer` and `hangs` are how it behaves."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, dict[str, str], bytes]] = []
        self.answer = 200
        self.hangs = threading.Event()
        self.drips = False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.requests.append((self.path, dict(self.headers), body))
                if receiver.drips:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\n")
                    while not receiver.hangs.is_set():
                        try:
                            self.wfile.write(b"X-Drip: 1\r\n")
                            self.wfile.flush()
                        except OSError:
                            return
                        receiver.hangs.wait(0.05)
                    return
                if receiver.answer == 0:
                    receiver.hangs.wait(30)
                    return
                self.send_response(receiver.answer)
                if 300 <= receiver.answer < 400:
                    self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(b"said so")

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/hook?a=1"

    def close(self) -> None:
        """Let go of whoever hangs, and stop."""
        self.hangs.set()
        self.server.shutdown()
        self.server.server_close()
