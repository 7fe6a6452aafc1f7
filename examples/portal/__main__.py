"""Starts the example portal: `python -m examples.portal --port 8200 --payclear http://127.0.0.1:8000`."""

import argparse
import logging
import os
import sys
from pathlib import Path

from werkzeug.serving import make_server

from examples.portal.app import create_app
from examples.portal.client import PayclearClient
from examples.portal.store import Store


def main(words: list[str] | None = None) -> int:
    """Read the command line and serve until stopped."""
    parser = argparse.ArgumentParser(prog="python -m examples.portal", description=__doc__)
    environ = os.environ.get
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8200)
    parser.add_argument("--payclear", default="http://127.0.0.1:8000", help="address of payclear")
    parser.add_argument("--public-url", default="", help="how browsers reach this portal")
    parser.add_argument("--state", default="var/portal.sqlite", help="this portal's own database file")
    parser.add_argument("--api-key", default=environ("PAYCLEAR_PORTAL_EXAMPLE_API_KEY", ""))
    parser.add_argument("--webhook-secret", default=environ("PAYCLEAR_PORTAL_EXAMPLE_WEBHOOK_SECRET", ""))
    given = parser.parse_args(words)
    if not given.api_key or not given.webhook_secret:
        parser.error(
            "give --api-key and --webhook-secret, or set PAYCLEAR_PORTAL_EXAMPLE_API_KEY"
            " and PAYCLEAR_PORTAL_EXAMPLE_WEBHOOK_SECRET"
        )
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    store = Store(Path(given.state))
    store.prepare()
    public_url = (given.public_url or f"http://{given.host}:{given.port}").rstrip("/")
    app = create_app(PayclearClient(given.payclear, given.api_key), store, given.webhook_secret, public_url)
    try:
        server = make_server(given.host, given.port, app, threaded=True)
    except (OSError, SystemExit):
        print(f"Port {given.port} is taken: choose another with --port.", file=sys.stderr)
        return 1
    print(f"Example portal: {public_url}/", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
