#!/bin/bash
# curl signs for S3 what S3 would compute otherwise: parameters in the order given, and an upload as if it were empty.
#
# Versions: curl and libcurl4 7.88.1-10+deb12u15 (Debian 12), botocore 1.44.8, Python 3.11.
# Guess before the run: --aws-sigv4 makes the signature that botocore makes for the same request, whatever it is.
# Seen: so it is for a plain GET and a PUT with -d. Parameters are not sorted, one without a value (?acl) has no `=`
#   added, and a file that goes up with -T is signed by the digest of nothing. Nor is x-amz-content-sha256 sent, which S3
#   asks for. moto checks no signature, so a trial against it goes well.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
(cd "$folder" && apt-get download -q curl=7.88.1-10+deb12u15 libcurl4=7.88.1-10+deb12u15 >/dev/null 2>&1 &&
    for package in *.deb; do dpkg -x "$package" .; done)
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q botocore==1.44.8
seen=$(LD_LIBRARY_PATH=$(dirname "$(find "$folder" -name libcurl.so.4)") "$folder/venv/bin/python" - "$folder" <<'P'
import hashlib
import http.server
import subprocess
import sys
import threading
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
requests = []
class Store(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        requests.append((self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    do_PUT = do_GET
    def log_message(self, *_):
        pass
server = http.server.HTTPServer(("127.0.0.1", 0), Store)
threading.Thread(target=server.serve_forever, daemon=True).start()
folder, place = sys.argv[1], f"http://127.0.0.1:{server.server_port}"
with open(folder + "/video", "w") as file:
    file.write("a video")
def expected(method, path, headers, body, signed_body=None):
    signed_body = body if signed_body is None else signed_body
    signed = headers["authorization"].split("SignedHeaders=")[1].split(",")[0].split(";")
    request = AWSRequest(method, place + path, headers={name: headers[name] for name in signed}, data=body)
    request.context["timestamp"] = headers["x-amz-date"]
    auth = S3SigV4Auth(Credentials("key", "word"), "s3", "us-east-1")
    auth.payload = lambda _: hashlib.sha256(signed_body).hexdigest()
    return auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
for arguments, path in (
    ([], "/videos/1.mp4"), ([], "/videos/a%20boat.mp4"), (["-X", "PUT", "-d", "a video"], "/videos/1.mp4"),
    ([], "/videos?list-type=2&prefix=a"), ([], "/videos?prefix=a&list-type=2"), ([], "/videos?acl"),
    (["-T", folder + "/video"], "/videos/1.mp4"),
):
    subprocess.run([folder + "/usr/bin/curl", "-s", "--user", "key:word", "--aws-sigv4", "aws:amz:us-east-1:s3",
                    *arguments, place + path], check=True)
    method, path, headers, body = requests.pop()
    seen = headers["authorization"].split("Signature=")[1]
    agrees, empty = (seen == expected(method, path, headers, body, signed) for signed in (body, b""))
    words = ["agrees" if agrees else "agrees with an empty body" if empty else "differs"]
    print(" ".join([method, path, *arguments[:1], *words]), "x-amz-content-sha256" in headers)
P
)
expected='GET /videos/1.mp4 agrees False
GET /videos/a%20boat.mp4 agrees False
PUT /videos/1.mp4 -X agrees False
GET /videos?list-type=2&prefix=a agrees False
GET /videos?prefix=a&list-type=2 differs False
GET /videos?acl differs False
PUT /videos/1.mp4 -T agrees with an empty body False'
echo "$seen"
diff <(echo "$expected") <(echo "$seen") || { echo "The behaviour has changed." >&2; exit 1; }
