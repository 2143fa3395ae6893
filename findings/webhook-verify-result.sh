#!/bin/bash
# Two webhook libraries with one interface: what verify() of the one returns, that of the other does not.
#
# Versions: standardwebhooks 1.1.0, svix 2.9.1, Python 3.11.
# Guess before the run: both are one code under two names: verify() returns the parsed body, whatever was signed.
# Seen: svix returns None for every genuine message. standardwebhooks parses, and so raises JSONDecodeError (not its own
#   WebhookVerificationError) for a genuine message whose body is empty or plain text: a receiver that answers 400 to
#   what it cannot verify refuses it for good. Send JSON, and parse the body yourself after verify().
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q standardwebhooks==1.1.0 svix==2.9.1
seen=$("$folder/venv/bin/python" - <<'P'
import base64
import datetime
import standardwebhooks
import svix
secret = "whsec_" + base64.b64encode(bytes(range(24))).decode()
now = datetime.datetime.now(datetime.timezone.utc)
for library in (standardwebhooks, svix):
    webhook = library.Webhook(secret)
    for body in ('{"total":1}', "", "done"):
        headers = {
            "webhook-id": "msg_1",
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": webhook.sign("msg_1", now, body),
        }
        try:
            print(library.__name__, repr(body), "returns", webhook.verify(body, headers))
        except Exception as error:
            print(library.__name__, repr(body), "raises", type(error).__name__)
P
)
expected="standardwebhooks '{\"total\":1}' returns {'total': 1}
standardwebhooks '' raises JSONDecodeError
standardwebhooks 'done' raises JSONDecodeError
svix '{\"total\":1}' returns None
svix '' returns None
svix 'done' returns None"
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
