"""What a customer's server does with a webhook: verifies it by a library, and says so.

Prints its address, reads the secret as a line, and prints a line for each message that it verified, until its input
ends.
"""

import http.server
import sys
import threading

from standardwebhooks import Webhook, WebhookVerificationError

secret = threading.Event()
webhook = None


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        secret.wait()
        try:
            event = webhook.verify(body, dict(self.headers.items()))
        except WebhookVerificationError as error:
            print(f"refused a message: {error}", flush=True)
            self.send_response(400)
        else:
            print(f"verified {event['event']} of batch {event['batch_id']}, message {self.headers['webhook-id']}",
                  flush=True)
            self.send_response(204)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
print(f"http://127.0.0.1:{server.server_port}/", flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
webhook = Webhook(sys.stdin.readline().strip())
secret.set()
# Ends with whoever started it.
sys.stdin.read()
