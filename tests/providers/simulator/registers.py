"""A biller that answers BIDV's two messages as told, and everything else with nonsense."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

BILL = "100000000000142"


class Register:
    """A context: the biller listens on a free port of loopback."""

    def __init__(self) -> None:
        self.pay_code = "000"
        register = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                body = json.dumps(register.answer(self.path)).encode()
                self.send_response(200)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self.url = f"http://127.0.0.1:{self._server.server_port}/collection/x"

    def answer(self, path: str) -> dict[str, Any]:
        """The reply to a message, by its address."""
        if path.endswith("/paybill"):
            return {"result_code": self.pay_code, "result_desc": ""}
        item = {"bill_id": BILL, "amount": "150000", "remark": ""}
        return {
            "result_code": "000",
            "customer_id": "H1",
            "customer_name": "NGUYEN V. M.",
            "data": [{"period": "202611", "data": [item]}],
        }

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
