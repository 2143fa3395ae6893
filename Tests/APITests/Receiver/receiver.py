"""A receiver of webhooks that behaves as the path says, and writes down what it got, a line of JSON each.

    receiver.py LOG         prints its address, and receives until it is stopped
    receiver.py LOG SECRET  checks each line of the log by the libraries of receivers, and prints what they say
"""

import base64
import datetime
import hashlib
import hmac
import http.server
import json
import sys
import threading
import time


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lock = threading.Lock()
    seen = {}

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        with Receiver.lock:
            count = Receiver.seen[self.path] = Receiver.seen.get(self.path, 0) + 1
            with open(sys.argv[1], "a", encoding="utf-8") as log:
                line = {"path": self.path, "headers": headers, "body": body.decode(), "at": time.time()}
                log.write(json.dumps(line) + "\n")
        word = self.path.split("/")[1]
        status = {"fail": 500, "gone": 410, "away": 302, "busy": 503}.get(word, 200)
        if word == "late" and count <= 2:
            status = 500
        if word == "slow":
            time.sleep(4)
        if word == "hang":
            time.sleep(60)
        if word == "reset":
            self.connection.close()
            return
        self.send_response(status)
        if word == "away":
            self.send_header("location", "/ok/elsewhere")
        if word == "busy":
            self.send_header("retry-after", "40")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def receive():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.request_queue_size = 1024
    server.daemon_threads = True
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


def check(secret):
    import standardwebhooks
    import svix

    def genuine(library, line, body):
        try:
            library.Webhook(secret).verify(body, line["headers"])
            return True
        except library.WebhookVerificationError:
            return False

    for text in open(sys.argv[1], encoding="utf-8"):
        line = json.loads(text)
        body, headers = line["body"], line["headers"]
        older = "sha256=" + hmac.new(secret.encode(), body.encode(), hashlib.sha256).hexdigest()
        datetime.datetime.fromisoformat(headers["x-sora2-timestamp"])
        print(json.dumps({
            "path": line["path"],
            "event": json.loads(body)["event"],
            "id": headers["webhook-id"],
            "standardwebhooks": genuine(standardwebhooks, line, body),
            "svix": genuine(svix, line, body),
            "older": headers["x-sora2-signature"] == older,
            "altered": genuine(standardwebhooks, line, body.replace("batch.", "match.")),
            "body": base64.b64encode(body.encode()).decode(),
        }))


if len(sys.argv) > 2:
    check(sys.argv[2])
else:
    receive()
