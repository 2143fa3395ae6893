"""Signs requests with botocore. A line of JSON a request on standard input, a signature a line on standard output."""

import json
import sys

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

for line in sys.stdin:
    case = json.loads(line)
    request = AWSRequest(case["method"], case["url"], headers=dict(case["fields"]), data=b"")
    request.context["timestamp"] = case["time"]
    auth = S3SigV4Auth(Credentials(case["key"], case["secret"]), "s3", case["region"])
    canonical = auth.canonical_request(request)
    print(auth.signature(auth.string_to_sign(request, canonical), request))
