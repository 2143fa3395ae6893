"""A bucket for tests: moto's S3, which checks neither signatures nor hashes, behind a door that checks both.

Arguments: the access key, its secret, the region, the bucket. Prints the door's address. What is not signed as it should
be never gets to moto. POST /-/fault?what=W&method=M&count=N makes the next N calls of a method fail, in a way that
stores fail; POST /-/empty?FOLDER removes what lies in it; POST /-/versions keeps versions from now on; GET /-/journal says what was called and what was refused.
"""

import datetime
import hashlib
import hmac
import http.client
import http.server
import json
import logging
import sys
import threading
import urllib.parse

import boto3
from moto.server import ThreadedMotoServer

key, secret, region, bucket = sys.argv[1:]
logging.getLogger("werkzeug").setLevel(logging.ERROR)
moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
moto.start()
moto_host, moto_port = moto.get_host_and_port()


def client():
    return boto3.client("s3", endpoint_url=f"http://{moto_host}:{moto_port}", aws_access_key_id=key,
                        aws_secret_access_key=secret, region_name=region)


client().create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
lock = threading.Lock()
journal = {"calls": {}, "refused": []}
faults = []


def encoded(text, safe=""):
    return urllib.parse.quote(urllib.parse.unquote(text), safe=safe + "-._~")


def refusal(method, target, headers, body):
    """Why a request is not signed as it should be: Signature Version 4, computed from what came over the wire."""
    scheme, _, rest = (headers.get("authorization") or "").partition(" ")
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    if scheme != "AWS4-HMAC-SHA256" or set(parts) != {"Credential", "SignedHeaders", "Signature"}:
        return "AccessDenied"
    digest = headers.get("x-amz-content-sha256", "")
    if hashlib.sha256(body).hexdigest() != digest:
        return "XAmzContentSHAMismatch"
    time = headers.get("x-amz-date", "")
    age = datetime.datetime.now(datetime.UTC) - datetime.datetime.strptime(time + "+0000", "%Y%m%dT%H%M%SZ%z")
    if abs(age.total_seconds()) > 300:
        return "RequestTimeTooSkewed"
    names = parts["SignedHeaders"].split(";")
    wanted = {"host"} | {name for name in headers if name.startswith("x-amz-")}
    if names != sorted(names) or not wanted <= set(names):
        return "AccessDenied"
    path, _, query = target.partition("?")
    pairs = sorted((encoded(name), encoded(value)) for name, _, value in
                   (pair.partition("=") for pair in query.split("&") if pair))
    canonical = "\n".join([
        method, encoded(path, "/"), "&".join(f"{name}={value}" for name, value in pairs),
        "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in names), parts["SignedHeaders"], digest])
    scope = f"{time[:8]}/{region}/s3/aws4_request"
    if parts["Credential"] != f"{key}/{scope}":
        return "InvalidAccessKeyId"
    text = "\n".join(["AWS4-HMAC-SHA256", time, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    code = b"AWS4" + secret.encode()
    for part in [*scope.split("/"), text]:
        code = hmac.new(code, part.encode(), hashlib.sha256).digest()
    return None if hmac.compare_digest(code.hex(), parts["Signature"]) else "SignatureDoesNotMatch"


def take_fault(method):
    with lock:
        for fault in faults:
            if fault["method"] == method and fault["count"] > 0:
                fault["count"] -= 1
                return fault["what"]
    return None


class Door(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, status, headers, body=b"", length=None):
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection", "date", "server", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, word):
        self.answer(status, [("content-type", "application/xml")],
                    f"<?xml version='1.0'?><Error><Code>{word}</Code><Message>m</Message></Error>".encode())

    def own(self):
        url = urllib.parse.urlsplit(self.path)
        with lock:
            if url.path == "/-/fault":
                given = dict(urllib.parse.parse_qsl(url.query))
                faults.append({"what": given["what"], "method": given["method"], "count": int(given["count"])})
            text = json.dumps(journal).encode()
            if url.path == "/-/empty":
                boto = client()
                for found in boto.list_objects_v2(Bucket=bucket).get("Contents", []):
                    if f"/{url.query}" in found["Key"]:
                        boto.delete_object(Bucket=bucket, Key=found["Key"])
            if url.path == "/-/versions":
                client().put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        self.answer(200, [], text)

    def forward(self, body):
        connection = http.client.HTTPConnection(moto_host, moto_port, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
        connection.request(self.command, self.path, body=body, headers=headers)
        answer = connection.getresponse()
        found = answer.read()
        length = answer.getheader("content-length") if self.command == "HEAD" else None
        connection.close()
        return answer.status, answer.getheaders(), found, length

    def handle_call(self):
        if self.path.startswith("/-/"):
            return self.own()
        size = self.headers.get("content-length")
        if self.command == "PUT" and (size is None or self.headers.get("transfer-encoding")):
            self.close_connection = True
            return self.refuse(411, "MissingContentLength")
        fault = take_fault(self.command)
        if fault == "hang up":
            self.close_connection = True
            return None
        body = self.rfile.read(int(size or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        word = refusal(self.command, self.path, headers, body)
        with lock:
            journal["calls"][self.command] = journal["calls"].get(self.command, 0) + 1
            if word:
                journal["refused"].append(f"{word} {self.command} {self.path}")
        if word:
            return self.refuse(403, word)
        if fault == "busy":
            return self.refuse(503, "SlowDown")
        if fault == "lose":
            return self.answer(200, [])
        if fault == "shorten":
            self.headers.replace_header("content-length", str(len(body) - 1))
            status, found, text, length = self.forward(body[:-1])
            return self.answer(status, found, text, length)
        if fault == "whole":
            del self.headers["range"]
        status, found, text, length = self.forward(body)
        if fault == "other part":
            # Of the same length, so that only the range gives it away.
            found = [(name, "bytes 1-" + str(len(text)) + "/" + value.split("/")[1])
                     if name.lower() == "content-range" else (name, value) for name, value in found]
        if fault == "cut":
            self.close_connection = True
            return self.answer(status, found, text[:len(text) // 2], len(text))
        return self.answer(status, found, text, length)

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = handle_call


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Door)
print(f"http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
